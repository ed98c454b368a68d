// The worker's way to the sites: takes each request of a tunnel link and brings it to its site, as
// an exchange, a CONNECT or a WebSocket. Owns the requests under way and the kept connections to
// sites. Does not own links; is told when one goes. A file of its own because it is the one seam
// between the tunnel and the sites.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/http/proxy_error.hpp"
#include "common/io/event_loop.hpp"
#include "common/io/stream.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tls/tls_context.hpp"
#include "worker/core/origin_figures.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

struct LoggedFields {
  Fields request;   // as sent to the site
  Fields response;  // as they came
};

// One finished request, for the access log.
struct RequestRecord {
  std::string request_id;  // "tunnel-request-id" or "x-request-id" of the request; may be empty
  std::string method;      // "CONNECT" for tunnels, "GET" for WebSockets
  std::string host;        // "host:port"
  std::string url;         // "http://host/path?query"; "host:port" for CONNECT
  int status = 0;          // 0: it ended before there was an answer
  Duration duration = Duration::zero();
  std::uint64_t request_bytes = 0;  // bodies, without heads
  std::uint64_t response_bytes = 0;
  std::optional<ProxyError> error;  // what we had to say, or why it broke off
  LoggedFields fields;              // only when the log wants them
};

struct OriginGatewaySettings {
  const WorkerConfig* config = nullptr;  // outlives the gateway
  const TlsContext* site_tls = nullptr;  // client context for "https" requests; outlives it too
  std::string pseudonym;                 // for Via and Proxy-Status, unique per instance: a token
  // Never reached: our own TCP listeners ("0.0.0.0" and "::" mean every own address) and the tunnel
  // server's endpoints.
  std::vector<Endpoint> own_endpoints;
  // For each request that config->log_http.proxy wants in the log; may be empty.
  std::function<void(const RequestRecord&)> on_request_done;
};

class OriginGateway {
 public:
  OriginGateway(EventLoop& loop, const OriginGatewaySettings& settings, OriginFigures& figures);
  OriginGateway(const OriginGateway&) = delete;
  OriginGateway& operator=(const OriginGateway&) = delete;
  // Requests under way are reset.
  ~OriginGateway();

  // From TunnelLinkListener::on_request, every request but the canary. Answers it in every case.
  void serve(TunnelLink& link, StreamId stream, Fields head);
  // The link is over (on_link_closed) or is about to be destroyed: its requests are dropped.
  void link_gone(TunnelLink& link);

  // Endpoints learnt later (the tunnel server's addresses) are added to the settings' ones.
  void forbid(const Endpoint& endpoint);
  std::size_t active_requests() const;
  std::size_t kept_connections() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace scpool::worker
