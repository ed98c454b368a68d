// One registered tunnel connection: who is at its other end, its link, and how it ends. Streams are
// opened by the exchanges through the link. Owned by the roster.
#pragma once

#include <memory>
#include <string>

#include "common/io/http_server.hpp"
#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
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
  bool ready() const { return ready_; }
  TunnelLinkFigures figures() const { return link_.figures(); }
  PlacementCandidate candidate() const;

  // Tells the worker that its tunnel is over, gives streams `grace`, then closes.
  void end(const std::string& reason, Duration grace);
  // Only this connection, or this server, goes: the worker dials again.
  void drain(const std::string& reason, Duration grace);

 private:
  void on_link_ready() override;
  void on_request(StreamId stream, Fields head) override;
  void on_control(const ControlMessage& message) override;
  void on_suspect(bool suspect) override;
  void on_link_closed(const Error& error) override;
  void close_after(Duration grace);

  ConnectionIdentity identity_;
  TunnelConnectionListener& listener_;
  bool ready_ = false;
  bool draining_ = false;
  Timer end_timer_;
  TunnelLink link_;
};

}  // namespace scpool::server
