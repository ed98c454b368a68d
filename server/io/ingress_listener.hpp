// Accepts browsers at one address and owns their connections. Bound listeners (to an account and a
// tunnel name) ask for no credentials.
#pragma once

#include <map>
#include <memory>

#include "common/io/listener.hpp"
#include "server/io/ingress_connection.hpp"

namespace scpool::server {

class IngressListener final : public IngressConnectionListener {
 public:
  IngressListener(ServerParts& parts, IngressConfig config);
  ~IngressListener();

  // The error names the address.
  Result<void> listen();

  const IngressConfig& config() const { return config_; }
  Endpoint endpoint() const { return endpoint_; }
  std::size_t connections() const { return connections_.size(); }
  // Accepts nothing more; running requests go on, idle connections end.
  void drain();

 private:
  void accept(std::unique_ptr<Stream> stream);
  void on_ingress_over(IngressConnection& connection) override;

  ServerParts& parts_;
  IngressConfig config_;
  std::unique_ptr<Listener> listener_;
  Endpoint endpoint_;
  std::map<const IngressConnection*, std::unique_ptr<IngressConnection>> connections_;
};

}  // namespace scpool::server
