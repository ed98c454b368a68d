#include "server/io/ingress_listener.hpp"

#include <utility>
#include <vector>

namespace scpool::server {

IngressListener::IngressListener(ServerParts& parts, IngressConfig config)
    : parts_(parts), config_(std::move(config)) {}

IngressListener::~IngressListener() = default;

Result<void> IngressListener::listen() {
  const Result<Endpoint> at = parse_endpoint(config_.listen);
  if (!at) {
    return at.error().within("ingress");
  }
  Result<std::unique_ptr<Listener>> listener =
      Listener::tcp(parts_.loop, at.value(), [this](std::unique_ptr<Stream> stream) {
        accept(std::move(stream));
      });
  if (!listener) {
    return listener.error().within("ingress");
  }
  listener_ = std::move(listener).value();
  endpoint_ = listener_->endpoint();
  return {};
}

void IngressListener::accept(std::unique_ptr<Stream> stream) {
  if (connections_.size() >= parts_.config.max_ingress_connections) {
    parts_.metrics.error_generated("server", "too_many_connections");
    return;  // closes it
  }
  auto connection = std::make_unique<IngressConnection>(parts_, config_, std::move(stream), *this);
  const IngressConnection* key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void IngressListener::on_ingress_over(IngressConnection& connection) {
  const auto found = connections_.find(&connection);
  if (found != connections_.end()) {
    std::unique_ptr<IngressConnection> over = std::move(found->second);
    connections_.erase(found);
    parts_.loop.retire(std::move(over));
  }
}

void IngressListener::drain() {
  listener_.reset();
  std::vector<IngressConnection*> all;
  for (const auto& [key, connection] : connections_) {
    all.push_back(connection.get());
  }
  for (IngressConnection* connection : all) {
    connection->drain();
  }
}

}  // namespace scpool::server
