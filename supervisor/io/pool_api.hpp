// The read-only API: readiness, liveness, information, metrics, configuration, version and a page.
// The same answers on TCP (127.0.0.1:8032) and on the control socket. Liveness speaks of the
// supervisor, never of tunnels. Not in the layout's list: the part of control_socket that has no
// commands.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/http_server.hpp"
#include "supervisor/io/event_feed.hpp"
#include "supervisor/io/live_page.hpp"
#include "supervisor/io/pool_front.hpp"

namespace scpool::supervisor {

// Nothing: the path is not one of the read-only API.
std::optional<HttpResponse> answer_read_only(const PoolFront& front,
                                             const HttpRequest& request,
                                             Audience audience);

class PoolApi {
 public:
  // Exists: the port is taken; the sentence names its holder.
  static Result<std::unique_ptr<PoolApi>> listen(EventLoop& loop, const std::string& address);
  // On the listening socket of an earlier program of this process.
  static Result<std::unique_ptr<PoolApi>> adopt(EventLoop& loop, OpenDescriptor socket);
  explicit PoolApi(EventLoop& loop);
  PoolApi(const PoolApi&) = delete;
  PoolApi& operator=(const PoolApi&) = delete;

  // Until then every path but liveness answers 503: the port is held before anything is started.
  void show(const PoolFront* front) { front_ = front; }
  // The journal grew.
  void note_news() {
    events_.note_news();
    pages_.note_news();
  }
  // For an exchange of programs: new clients wait until resume().
  void pause();
  void resume() { server_.resume(); }
  bool quiet() const { return server_.quiet(); }
  int descriptor() const { return server_.listening().front(); }
  std::string address() const { return endpoint_.text(); }

 private:
  void take(const HttpRequest& request, HttpReply reply);
  HttpResponse answer(const HttpRequest& request) const;

  const PoolFront* front_ = nullptr;
  Endpoint endpoint_;
  HttpServer server_;
  // They go before the server, so that they can end what is being followed.
  EventFeed events_;
  LivePage pages_;
};

}  // namespace scpool::supervisor
