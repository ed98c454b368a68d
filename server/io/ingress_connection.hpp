// One browser connection at the ingress: strict heads, credentials, one exchange at a time,
// keep-alive and pipelining, and a decent end. (Not in the first layout: a connection outlives its
// exchanges.) Owned by its listener.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/stream.hpp"
#include "common/io/timer.hpp"
#include "server/io/ingress_exchange.hpp"
#include "server/io/ingress_login.hpp"

namespace scpool::server {

class IngressConnection;

class IngressConnectionListener {
 public:
  IngressConnectionListener() = default;
  IngressConnectionListener(const IngressConnectionListener&) = delete;
  IngressConnectionListener& operator=(const IngressConnectionListener&) = delete;
  virtual void on_ingress_over(IngressConnection& connection) = 0;

 protected:
  ~IngressConnectionListener() = default;
};

class IngressConnection final : public StreamListener, public ExchangeListener {
 public:
  IngressConnection(ServerParts& parts,
                    const IngressConfig& config,
                    std::unique_ptr<Stream> stream,
                    IngressConnectionListener& listener);
  ~IngressConnection();

  // No request after the one that is running; idle connections end at once.
  void drain();

 private:
  enum class State {
    Reading,  // of a head, or between two requests
    Exchanging,
    Lingering,  // the last answer is sent; what the browser still says is thrown away
    Over,
  };

  void on_bytes(ByteView bytes) override;
  void on_readable() override;
  void on_end() override;
  void on_drained() override;
  void on_failed(const Error& error) override;
  void on_exchange_wants_bytes() override;
  void on_exchange_over(ExchangeEnd end) override;

  void pump();
  std::size_t feed(ByteView bytes);
  std::size_t step(ByteView bytes);
  void settle_exchange();
  void begin_request(RequestHead& head);
  void answer_options(const IngressRequest& request);
  void refuse(const IngressRefusal& refusal, const Fields& more, const std::string& method);
  void expect_request();
  void watch_idle();
  void deadline_passed();
  void wake_after(Duration delay) { deadline_.arm(parts_.loop.now() + delay); }
  void tell_end();
  void linger();
  void end_after_answer();
  void over();
  void adjust_reading();

  ServerParts& parts_;
  IngressConnectionListener& listener_;
  std::unique_ptr<Stream> stream_;
  IngressLogin login_;
  DeadlineTimer deadline_;  // what for, says the state
  std::size_t queued_before_ = 0;
  State state_ = State::Reading;
  HeadParser parser_{HeadParser::Kind::Request};
  ByteQueue pending_;       // read and not used yet
  IngressRequest request_;  // the running one
  std::unique_ptr<IngressExchange> exchange_;
  std::optional<ExchangeEnd> exchange_end_;
  bool pumping_ = false;
  bool paused_ = false;
  bool browser_ended_ = false;
  bool end_told_ = false;
  bool draining_ = false;
};

}  // namespace scpool::server
