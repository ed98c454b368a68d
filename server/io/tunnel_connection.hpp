// One registered tunnel connection: who is at its other end, its link, and how it ends. Streams are
// opened by the exchanges through the link. Owned by the roster.
#pragma once

#include <memory>
#include <string>

#include "common/io/http_server.hpp"
#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tunnel/resumable_session.hpp"
#include "server/core/placement_policy.hpp"

namespace scpool::server {

// Identity of a connection = (tunnel, instance, index); a higher epoch replaces a lower one.
struct ConnectionIdentity {
  TunnelId tunnel;
  std::string instance;
  std::uint32_t index = 0;
  std::uint64_t epoch = 0;
  std::string peer;
  WallTime since;
  ResumableSession session;  // without id: its streams end with its connection
};

class TunnelConnection;

class TunnelConnectionListener {
 public:
  TunnelConnectionListener() = default;
  TunnelConnectionListener(const TunnelConnectionListener&) = delete;
  TunnelConnectionListener& operator=(const TunnelConnectionListener&) = delete;

  virtual void on_connection_ready(TunnelConnection& connection) = 0;
  // The worker wants to end this connection: no new streams on it.
  virtual void on_connection_draining(TunnelConnection& connection) = 0;
  // It was cut, and is kept for a while for its worker to come back.
  virtual void on_connection_suspended(TunnelConnection& connection, const Error& why) = 0;
  virtual void on_connection_resumed(TunnelConnection& connection,
                                     Duration outage,
                                     std::uint64_t replayed) = 0;
  virtual void on_connection_over(TunnelConnection& connection, const Error& error) = 0;

 protected:
  ~TunnelConnectionListener() = default;
};

class TunnelConnection final : private TunnelLinkListener {
 public:
  TunnelConnection(EventLoop& loop,
                   ConnectionIdentity identity,
                   UpgradedConnection upgraded,
                   const TunnelLinkSettings& settings,
                   TunnelConnectionListener& listener);

  const ConnectionIdentity& identity() const { return identity_; }
  TunnelLink& link() { return link_; }
  bool ready() const { return ready_ && !suspended_since_; }
  // Since when it waits for its worker; nothing: it stands.
  const std::optional<Instant>& suspended_since() const { return suspended_since_; }
  TunnelLinkFigures figures() const { return link_.figures(); }
  PlacementCandidate candidate();

  // The worker comes back over another connection. First the old socket goes, even if it looks
  // alive; then, with our offset told, the new one takes its place. `from`: what the worker has.
  void retire_socket();
  void resume(UpgradedConnection upgraded, ConnectionIdentity as, std::uint64_t from);
  // A suspended one: is over.
  void give_up(const Error& why);

  // Tells the worker that its tunnel is over, gives streams `grace`, then closes.
  void end(const std::string& reason, Duration grace);
  // A newer one stands in its place: no new streams here, the old ones have `grace`.
  void retire(const std::string& reason, Duration grace);
  // Only this connection, or this server, goes. After `delay` the worker is asked to leave, which
  // it does once another connection of it stands; until then streams are still placed here. What is
  // not over after `grace` is cut.
  void ask_to_leave(const std::string& reason, Duration delay, Duration grace);

 private:
  void on_link_ready() override;
  void on_request(StreamId stream, Fields head) override;
  void on_control(const ControlMessage& message) override;
  void on_suspect(bool suspect) override;
  void on_link_suspended(const Error& why) override;
  void on_link_closed(const Error& error) override;
  void close_after(Duration grace);

  EventLoop& loop_;
  ConnectionIdentity identity_;
  TunnelConnectionListener& listener_;
  bool ready_ = false;
  bool draining_ = false;
  std::optional<Instant> suspended_since_;
  RecentBytes recent_bulk_;
  OwedAnswer owed_;
  Timer end_timer_;
  TunnelLink link_;
};

}  // namespace scpool::server
