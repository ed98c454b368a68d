#include "common/io/http_server.hpp"

#include <utility>
#include <vector>

#include "common/io/http_connection.hpp"

namespace scpool {

struct HttpServer::Core : HttpService {
  using HttpService::HttpService;

  std::vector<std::unique_ptr<Listener>> listeners;

  void take(std::unique_ptr<Stream> stream, const TlsContext* tls);
  std::vector<HttpConnection*> all() const;
};

std::vector<HttpConnection*> HttpServer::Core::all() const {
  std::vector<HttpConnection*> found;
  found.reserve(connections.size());
  for (const auto& [connection, owner] : connections) {
    found.push_back(connection);
  }
  return found;
}

// At the limit a connection that only waits makes room; when all are busy the new one is refused.
void HttpServer::Core::take(std::unique_ptr<Stream> stream, const TlsContext* tls) {
  if (connections.size() >= settings.max_connections) {
    for (HttpConnection* connection : all()) {
      if (connection->is_idle()) {
        const auto found = connections.find(connection);
        connection->abandon();
        loop.retire(std::move(found->second));
        connections.erase(found);
        break;
      }
    }
  }
  if (connections.size() >= settings.max_connections) {
    return;
  }
  auto connection = std::make_unique<HttpConnection>(*this, std::move(stream), tls);
  HttpConnection* key = connection.get();
  connections.emplace(key, std::move(connection));
}

HttpServer::HttpServer(EventLoop& loop, HttpServerSettings settings, OnRequest on_request)
    : core_(std::make_unique<Core>(loop, std::move(settings), std::move(on_request))) {}

HttpServer::~HttpServer() {
  EventLoop& loop = core_->loop;
  core_->listeners.clear();
  for (auto& [connection, owner] : core_->connections) {
    connection->abandon();
    loop.retire(std::move(owner));
  }
  // A request that is being handled at this moment still uses it.
  loop.retire(std::move(core_));
}

Result<Endpoint> HttpServer::listen_tcp(const Endpoint& at, const TlsContext* tls) {
  auto listener =
      Listener::tcp(core_->loop, at, [core = core_.get(), tls](std::unique_ptr<Stream> stream) {
        core->take(std::move(stream), tls);
      });
  if (!listener) {
    return listener.error();
  }
  const Endpoint endpoint = listener.value()->endpoint();
  core_->listeners.push_back(std::move(listener).value());
  return endpoint;
}

Result<void> HttpServer::listen_unix(const std::string& path, unsigned mode) {
  auto listener = Listener::unix_socket(
      core_->loop, path, mode, [core = core_.get()](std::unique_ptr<Stream> stream) {
        core->take(std::move(stream), nullptr);
      });
  if (!listener) {
    return listener.error();
  }
  core_->listeners.push_back(std::move(listener).value());
  return {};
}

Result<Endpoint> HttpServer::listen_on(OpenDescriptor socket, const TlsContext* tls) {
  auto listener = Listener::adopt(
      core_->loop, std::move(socket), [core = core_.get(), tls](std::unique_ptr<Stream> stream) {
        core->take(std::move(stream), tls);
      });
  if (!listener) {
    return listener.error();
  }
  const Endpoint endpoint = listener.value()->endpoint();
  core_->listeners.push_back(std::move(listener).value());
  return endpoint;
}

void HttpServer::pause() {
  for (const auto& listener : core_->listeners) {
    listener->pause();
  }
  core_->draining = true;
  for (HttpConnection* connection : core_->all()) {
    if (!connection->is_fresh()) {
      connection->close_when_idle();
    }
  }
}

void HttpServer::resume() {
  core_->draining = false;
  for (const auto& listener : core_->listeners) {
    listener->resume();
  }
}

bool HttpServer::quiet() const {
  return core_->connections.empty();
}

std::vector<int> HttpServer::listening() const {
  std::vector<int> descriptors;
  for (const auto& listener : core_->listeners) {
    descriptors.push_back(listener->descriptor());
  }
  return descriptors;
}

void HttpServer::stop_listening() {
  core_->listeners.clear();
  core_->draining = true;
  for (HttpConnection* connection : core_->all()) {
    connection->close_when_idle();
  }
}

}  // namespace scpool
