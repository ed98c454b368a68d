// One HTTP request from the tunnel to a site and its response back, streamed both ways: 1xx
// relayed, trailers both ways, every byte sent on in the turn it came in. Retries once, on a fresh
// connection, what provably did no harm. A WebSocket handshake is one of these too; after its 101
// it is a relay.
#pragma once

#include "common/base/spared.hpp"
#include "common/http/body_framing.hpp"
#include "worker/io/origin_relay.hpp"

namespace scpool::worker {

class OriginExchange final : public OriginRelay, public Spared<OriginExchange> {
 public:
  OriginExchange(OriginContext& context,
                 TunnelPlace place,
                 TunnelRequest&& request,
                 std::string&& id);

  void begin() override;

 private:
  // How the body goes to the site; Open until it is known whether there is one.
  enum class Upload { Open, None, Length, Chunked };

  void on_body(std::span<const ByteView> parts) override;
  void on_trailers(Fields trailers) override;
  void on_end() override;
  void on_stream_closed(H2Code code) override;
  void on_site_connected() override;
  void on_site_bytes(ByteView bytes) override;
  void on_site_end() override;
  void on_site_failed(const Error& error) override;
  void on_deadline() override;
  std::uint64_t plain_bytes() const override;
  void on_plain_bytes(std::size_t count) override;

  void start(Upload upload);
  void send_head();
  void send_body(std::span<const ByteView> parts);
  void finish_upload();
  void await_response_head();

  std::size_t take_head_bytes(ByteView bytes);
  void take_head(ResponseHead& head);
  void pass_head();
  void take_interim(ResponseHead& head);
  void take_upgrade(const ResponseHead& head);
  void take_body_bytes(ByteView bytes);
  void finish_response();
  bool try_again();
  void site_gone(const Error& error);
  void protocol_error(const std::string& sentence);
  void release_when_done();

  TurnEnd head_taken_;  // with everything that came in the same turn
  Upload upload_ = Upload::Open;
  bool started_ = false;
  bool sent_head_ = false;
  bool request_ended_ = false;
  Fields request_trailers_;
  std::string websocket_key_;

  HeadParser parser_{HeadParser::Kind::Response};
  std::optional<BodyReader> reader_;  // set with the final head
  Fields waiting_head_;               // of a short answer of which no byte of the body is here yet
  int waiting_status_ = 0;
  bool upgraded_ = false;
  bool reused_ = false;
  bool answered_a_byte_ = false;
  bool response_ended_ = false;
  bool may_be_kept_ = false;
  int interim_count_ = 0;
};

}  // namespace scpool::worker
