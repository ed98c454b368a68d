// The local socket that every verb talks to: HTTP and JSON, `curl --unix-socket …
// http://pool/v1/…`. Root, our own user and the members of one group may command; everybody else
// gets a 403 and the kernel's word for who they are is believed (SO_PEERCRED), not the file's mode.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/http_server.hpp"
#include "supervisor/io/event_feed.hpp"
#include "supervisor/io/pool_front.hpp"

namespace scpool::supervisor {

class ControlSocket {
 public:
  // `group` empty: root and own user only. `front` must outlive the socket.
  static Result<std::unique_ptr<ControlSocket>> listen(EventLoop& loop,
                                                       const std::string& path,
                                                       const std::string& group,
                                                       PoolFront& front);
  // On the listening socket of an earlier program of this process.
  static Result<std::unique_ptr<ControlSocket>> adopt(EventLoop& loop,
                                                      OpenDescriptor socket,
                                                      const std::string& group,
                                                      PoolFront& front);
  ControlSocket(EventLoop& loop, PoolFront& front);
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // The journal grew: readers that wait for news get them.
  void note_news() { events_.note_news(); }
  // For an exchange of programs: answers who waits, and lets new clients wait until resume().
  void pause();
  void resume() { server_.resume(); }
  bool quiet() const { return server_.quiet(); }
  int descriptor() const { return server_.listening().front(); }

 private:
  void answer(const HttpRequest& request, HttpReply reply);
  Result<void> find_group(const std::string& name);
  bool is_allowed(const std::optional<PeerCredentials>& peer) const;
  std::optional<HttpResponse> answer_question(const HttpRequest& request) const;
  HttpResponse perform(const HttpRequest& request);
  HttpResponse plan(const std::string& what, const std::string& body);
  HttpResponse upgrade(const UpgradeOrder& order, const PeerCredentials& peer);

  PoolFront& front_;
  std::optional<unsigned> group_;
  HttpServer server_;
  EventFeed events_;  // goes before the server, so that it can end what is being followed
};

}  // namespace scpool::supervisor
