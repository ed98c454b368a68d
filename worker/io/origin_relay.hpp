// CONNECT: connects first, answers 200 then, and passes bytes both ways untouched. Each direction
// ends by itself: FIN is END_STREAM, RST is RST_STREAM with CONNECT_ERROR (RFC 9113 section 8.5).
// After a 101 the exchange of a WebSocket goes on as one of these.
#pragma once

#include "worker/io/origin_request.hpp"

namespace scpool::worker {

class OriginRelay : public OriginRequest {
 public:
  using OriginRequest::OriginRequest;

  void begin() override;

 protected:
  void on_body(std::span<const ByteView> parts) override;
  void on_trailers(Fields trailers) override;
  void on_end() override;
  void on_stream_closed(H2Code code) override;
  void on_site_connected() override;
  void on_site_bytes(ByteView bytes) override;
  void on_site_end() override;
  void on_site_failed(const Error& error) override;
  void on_deadline() override;
  std::uint64_t plain_bytes() const override { return UINT64_MAX; }
  void on_plain_bytes(std::size_t count) override;

  // What came before the site's connection stood; bounded by the stream's window.
  ByteQueue& early() { return early_; }
  void begin_relay();

 private:
  void watch_half_closed();

  ByteQueue early_;
  bool relaying_ = false;
  bool tunnel_ended_ = false;
  bool site_ended_ = false;
};

}  // namespace scpool::worker
