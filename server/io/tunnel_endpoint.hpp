// Accepts and authenticates workers: the one HTTP/1.1 Upgrade with a proof bound to its TLS channel
// (engineering notes sections 1 and 6). What it lets in goes to the roster.
#pragma once

#include "common/io/http_server.hpp"
#include "common/tunnel/handshake.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

class TunnelEndpoint {
 public:
  explicit TunnelEndpoint(ServerParts& parts) : parts_(parts) {}

  // A request whose target begins with "/tunnel/v1/".
  void handle(const HttpRequest& request, HttpReply reply);
  // From now on workers are sent away (503).
  void stop_accepting() { accepting_ = false; }

 private:
  struct Refusal {
    int status = 400;
    std::string sentence;
  };
  std::optional<Refusal> refusal_of(const HttpRequest& request, UpgradeRequest& upgrade);
  std::optional<Refusal> check_tunnel(const HttpRequest& request, const UpgradeRequest& upgrade);
  std::optional<Refusal> check_resume(const HttpRequest& request, const UpgradeRequest& upgrade);
  void accept(const HttpRequest& request, const UpgradeRequest& upgrade, HttpReply reply);
  void accept_resumed(const HttpRequest& request, const UpgradeRequest& upgrade, HttpReply reply);
  ConnectionIdentity identity_of(const HttpRequest& request, const UpgradeRequest& upgrade) const;

  ServerParts& parts_;
  bool accepting_ = true;
};

}  // namespace scpool::server
