// What goes back to the browser for one request: heads and body bytes in HTTP/1 framing, checked
// against the length the site promised. What belongs to one turn of the loop is written at once, at
// its end. Decides nothing about tunnels. (Not in the first layout: the exchange's other half.)
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "common/http/message_head.hpp"
#include "common/http/proxy_error.hpp"
#include "common/io/stream.hpp"
#include "server/io/ingress_request.hpp"

namespace scpool::server {

class BrowserAnswer {
 public:
  // `on_written` is called when gathered bytes went to the stream at a turn's end.
  BrowserAnswer(EventLoop& loop,
                Stream& browser,
                const IngressRequest& request,
                std::function<void()> on_written)
      : browser_(browser),
        request_(request),
        on_written_(std::move(on_written)),
        turn_end_(loop, [this] { written_at_turn_end(); }) {}

  // 100 to 199 but 101; nothing for HTTP/1.0.
  void informational(ResponseHead&& head);
  // The final head. 2xx to CONNECT and WebSocket open the raw way. `keep_alive`: what may follow
  // on this connection as far as we are concerned.
  void head(ResponseHead&& head, bool keep_alive);  // NOLINT: one flag, named at the call
  enum class BodyVerdict { Fine, TooLong };
  BodyVerdict body(std::span<const ByteView> parts);
  // False when less came than the head promised: then the connection must be cut.
  bool end(const Fields& trailers);

  // A whole answer of our own.
  void error(const std::string& node, const ProxyError& error);
  void refusal(const std::string& node, const IngressRefusal& refusal, const Fields& more);

  // A short answer of known length is kept back until it is whole, flush() or end(). As long as
  // nothing of it has left it can be taken back, for another attempt's answer.
  void keep_back();
  bool kept_back() const { return kept_back_; }
  // False, and nothing is done, when something has left.
  bool take_back();

  // Gives the stream what was gathered; without it that happens at the end of the turn.
  void flush();
  // Bytes that the browser's socket has not taken yet.
  std::size_t queued() const { return browser_.queued() + gathered_.size(); }

  bool head_sent() const { return status_ != 0; }
  int status() const { return status_; }
  bool is_raw() const { return framing_ == Framing::Raw; }
  // After the end, whether the next request may come on the same connection.
  bool keeps_connection() const { return keeps_connection_; }
  bool continue_sent() const { return continue_sent_; }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  enum class Framing { None, Length, Chunked, UntilClose, Raw };

  void choose_framing(ResponseHead& head);
  void whole(ResponseHead&& head, const std::string& body);
  std::string& gather();
  void clear_gathered();
  void put(ByteView before, std::span<const ByteView> body, ByteView behind);
  void written_at_turn_end();

  Stream& browser_;
  const IngressRequest& request_;
  std::function<void()> on_written_;
  TurnEnd turn_end_;
  std::string gathered_;
  Framing framing_ = Framing::None;
  int status_ = 0;
  bool keeps_connection_ = false;
  bool continue_sent_ = false;
  bool kept_back_ = false;
  std::optional<std::uint64_t> remaining_;  // of a promised length
  std::uint64_t body_bytes_ = 0;
};

}  // namespace scpool::server
