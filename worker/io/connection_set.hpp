// The shell of the connection planner: dials what it says, holds what stands, hands requests on,
// answers canaries and counts bytes. Owned by the worker's shell. A file of its own, since the
// planner's shell and the tunnel's shell turn at different things.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/io/log.hpp"
#include "common/io/timer.hpp"
#include "worker/core/connection_planner.hpp"
#include "worker/io/tunnel_connection.hpp"

namespace scpool::worker {

// What the set tells its owner. All are called as the last act of an event.
struct ConnectionSetEvents {
  std::function<void(const std::string& sentence)> dial_failed;
  std::function<void(const Endpoint& server)> connected;  // one more stands
  std::function<void()> changed;                          // the number that stands
  std::function<void(std::uint64_t jobs)> jobs_reported;  // by the server: that use the tunnel
  std::function<void(const GiveUp&)> gave_up;
  std::function<void()> finished;  // after drain(): none is left
  std::function<void(TunnelLink&, StreamId, Fields)> request;
  std::function<void(TunnelLink&)> link_gone;
};

struct TunnelTarget {
  std::string host;
  std::uint16_t port = 0;
  TunnelId tunnel;
  Bytes secret;
};

struct ConnectionFigures {  // of one index, over all its connections
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  Duration connect_duration = Duration::zero();  // of the last one
  Duration round_trip = Duration::zero();
  std::size_t active_streams = 0;
  std::size_t replay_bytes = 0;  // kept until the server acknowledges them
};

class ConnectionSet final : private TunnelConnectionListener {
 public:
  // `tls` and `log` outlive it.
  ConnectionSet(EventLoop& loop,
                const TlsContext& tls,
                Log& log,
                const ConnectionPlannerRule& rule,
                const TunnelUse& use,
                ConnectionSetEvents events);
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;
  virtual ~ConnectionSet();

  // Drops whatever is left of an earlier tunnel.
  void start(TunnelTarget target);
  // No new dials, no new streams; `finished` follows, never from inside this call.
  void drain(const std::string& reason, Duration grace);
  void close_all();
  // The addresses that this host has now; none: not known.
  void network_changed(const std::set<std::string>& addresses);

  const ConnectionPlanner& planner() const { return planner_; }
  std::vector<ConnectionFigures> figures() const;
  std::size_t active_streams() const;
  std::uint64_t dials() const { return dials_; }
  std::uint64_t dial_errors() const { return dial_errors_; }
  std::uint64_t closed() const { return closed_; }
  // Cut sessions, by how they went on: "resumed", "refused", "ended".
  const std::map<std::string, std::uint64_t>& resumes() const { return resumes_; }
  // Of the first connection that stands, else of the last one that stood; empty: never.
  const std::string& server() const { return server_; }

 private:
  void perform(const ConnectionActions& actions);
  void dial(const DialConnection& action);
  void resume(const DialConnection& action, std::uint64_t session);
  TunnelConnection* find(std::uint32_t connection, std::uint64_t epoch);
  void drain_replaced(const DrainReplaced& action);
  void remove(TunnelConnection& connection);
  void count_bytes(const TunnelConnection& connection);
  void finish_if_empty();

  void on_connected(TunnelConnection& connection) override;
  void on_dial_failed(TunnelConnection& connection, const DialFailure& failure) override;
  void on_request(TunnelConnection& connection, StreamId stream, Fields head) override;
  void on_control(TunnelConnection& connection, const ControlMessage& message) override;
  void on_suspect(TunnelConnection& connection, bool suspect) override;
  void on_suspended(TunnelConnection& connection, const Error& why) override;
  void on_resumed(TunnelConnection& connection, Duration outage, std::uint64_t replayed) override;
  void on_closed(TunnelConnection& connection, const Error& error) override;

  EventLoop& loop_;
  const TlsContext& tls_;
  Log& log_;
  std::uint32_t count_;
  TunnelUse use_;
  ConnectionSetEvents events_;
  std::string instance_;
  TunnelTarget target_;
  ConnectionPlanner planner_;
  DeadlineTimer wake_;
  Timer finish_;
  std::vector<std::unique_ptr<TunnelConnection>> connections_;
  std::vector<ConnectionFigures> past_;  // of connections that have ended, by index
  std::string server_;
  std::uint64_t dials_ = 0;
  std::uint64_t dial_errors_ = 0;
  std::uint64_t closed_ = 0;
  std::map<std::string, std::uint64_t> resumes_;
  bool draining_ = false;
};

}  // namespace scpool::worker
