// What every request on its way to a site shares: the tunnel stream it came on, the dial, the
// site's connection, both directions' flow control, the error answer, the log record. Bytes of one
// request are bounded by its stream's window towards the site and by limits::kStreamSendBuffer
// towards the tunnel. A file of its own because origin_relay and origin_exchange build on it. Owned
// by the gateway, which is told when it is finished and retires it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/http/field_rules.hpp"
#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
#include "worker/io/kept_connections.hpp"
#include "worker/io/origin_dial.hpp"
#include "worker/io/origin_gateway.hpp"

namespace scpool::worker {

class OriginRequest;

class OriginRequestOwner {
 public:
  OriginRequestOwner() = default;
  OriginRequestOwner(const OriginRequestOwner&) = delete;
  OriginRequestOwner& operator=(const OriginRequestOwner&) = delete;
  virtual void on_request_finished(OriginRequest& request) = 0;

 protected:
  ~OriginRequestOwner() = default;
};

// What all requests of a gateway share.
struct OriginContext {
  EventLoop& loop;
  OriginGatewaySettings settings;
  OriginFigures& figures;
  OriginPolicy policy;
  KeptConnections kept;
  OriginRequestOwner& owner;
};

// The place a request stands at: its link and stream.
struct TunnelPlace {
  TunnelLink* link = nullptr;
  StreamId stream;
};

class OriginRequest : public TunnelStreamListener {
 public:
  OriginRequest(OriginContext& context, TunnelPlace place, TunnelRequest request, std::string id);
  virtual ~OriginRequest();

  virtual void begin() = 0;
  // Answers with an error instead of asking the site; after attach, before begin().
  void refuse(const ProxyError& error) { answer_error(error); }
  // The link is gone: nothing is said to it any more.
  void abandon();
  // The worker is stopping: the stream is reset.
  void stop();
  const TunnelLink* link() const { return place_.link; }
  const RequestRecord& record() const { return record_; }

 protected:
  // From here to there; `site()` is set with on_site_connected and until drop_site().
  virtual void on_site_connected() = 0;
  virtual void on_site_bytes(ByteView bytes) = 0;
  virtual void on_site_end() = 0;
  virtual void on_site_failed(const Error& error) = 0;

  void on_head(Fields /*head*/) override {}  // the server side's
  void on_send_space() override;

  OriginContext& context() { return context_; }
  const TunnelRequest& request() const { return request_; }
  TunnelRequest& request() { return request_; }
  RequestRecord& open_record() { return record_; }
  Timer& timer();
  void cancel_timer();
  bool finished() const { return finished_; }
  bool responded() const { return responded_; }

  void dial();
  std::string site_key() const;
  void use_site(std::unique_ptr<SiteConnection> connection);
  bool has_site() const { return site_ != nullptr; }
  Stream& site() { return site_->stream(); }
  std::unique_ptr<SiteConnection> release_site();
  void drop_site();

  // Writes to the site; `credit` bytes of the tunnel stream are given back as the socket takes
  // them.
  void pass_to_site(std::span<const ByteView> parts, std::size_t credit);
  void give_credit(std::size_t count);  // for bytes that go nowhere
  void respond(const Fields& list, int status, bool end);
  // Reads no more from the site while the stream's send buffer is full.
  void pass_to_tunnel(ByteView bytes, bool end);
  void end_with_trailers(const Fields& trailers);

  // 4xx or 5xx with Proxy-Status when nothing was answered yet, else the stream is reset.
  void answer_error(const ProxyError& error);
  void break_off(const ProxyError& error, H2Code code);
  // The answer is complete and the rest of the request is not wanted.
  void end_early();
  void detached() { attached_ = false; }  // the stream is closed
  void finish();

 private:
  class SiteEnd;

  void settle_credit();

  OriginContext& context_;
  TunnelPlace place_;
  TunnelRequest request_;
  RequestRecord record_;
  Instant started_;
  bool attached_ = true;
  bool responded_ = false;
  bool finished_ = false;
  std::size_t uncredited_ = 0;  // written to the site, not yet accepted by its socket
  std::unique_ptr<OriginDial> dial_;
  std::unique_ptr<SiteEnd> site_end_;
  std::unique_ptr<SiteConnection> site_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace scpool::worker
