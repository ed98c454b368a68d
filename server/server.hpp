// The shell of sc-server: opens the state and the listeners, hands requests to the parts, reloads,
// and comes to a decent end. One loop. Owned by main.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/io/http_server.hpp"
#include "common/io/log.hpp"
#include "common/io/timer.hpp"
#include "common/tls/tls_context.hpp"
#include "server/core/server_config.hpp"
#include "server/io/ingress_listener.hpp"
#include "server/io/rest_api.hpp"
#include "server/io/tunnel_endpoint.hpp"

namespace scpool::server {

class Server {
 public:
  Server(EventLoop& loop, Log& log, ServerConfig config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Everything listens when this succeeds.
  Result<void> start();
  // New accounts and certificates; a configuration that cannot be used changes nothing.
  void reload(const ServerConfig& config);
  // Refuses what is new, drains what runs, then calls `on_done` (in a later turn). Bounded by the
  // drain timeout; a second call ends at once.
  void stop(std::function<void()> on_done);

  Endpoint tls_endpoint() const { return tls_endpoint_; }
  std::optional<Endpoint> admin_endpoint() const { return admin_endpoint_; }
  const std::vector<std::unique_ptr<IngressListener>>& ingress() const { return ingress_; }

 private:
  Result<void> open_state();
  Result<void> listen();
  Result<void> listen_ingress();
  void on_request(const HttpRequest& request, HttpReply reply);
  void on_admin_request(const HttpRequest& request, HttpReply reply);
  void watch_end();
  void watch_lag();
  void release_memory();

  EventLoop& loop_;
  Log& log_;
  ServerConfig config_;
  Metrics metrics_;
  std::optional<TlsContext> tls_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<TunnelRoster> roster_;
  std::unique_ptr<ServerParts> parts_;
  std::unique_ptr<TunnelEndpoint> endpoint_;
  std::unique_ptr<RestApi> rest_;
  std::vector<std::unique_ptr<IngressListener>> ingress_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<HttpServer> admin_;
  Endpoint tls_endpoint_;
  std::optional<Endpoint> admin_endpoint_;
  Timer lag_timer_;
  Duration lag_{};
  std::uint64_t handshakes_seen_ = 0;
  bool memory_due_ = false;  // handshakes left some behind
  Timer end_timer_;
  Instant end_deadline_;
  std::function<void()> on_stopped_;
};

// The access keys of the configuration's accounts, read and hashed. Errors name the file.
Result<std::vector<Account>> configured_accounts(const ServerConfig& config);

}  // namespace scpool::server
