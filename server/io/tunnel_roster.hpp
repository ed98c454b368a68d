// The live connections of every tunnel: takes them in, picks one for a stream, tells the ledger
// when a tunnel gains or loses one, ends those of a deleted tunnel, and wakes who waits for one.
// (Not in the first layout: neither the endpoint nor the exchange can own all connections.)
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/io/ledger.hpp"
#include "server/io/tunnel_connection.hpp"

namespace scpool::server {

// A request without a connection. Called at most once per wait(); may wait again from inside.
class ConnectionWaiter {
 public:
  ConnectionWaiter() = default;
  ConnectionWaiter(const ConnectionWaiter&) = delete;
  ConnectionWaiter& operator=(const ConnectionWaiter&) = delete;
  virtual void on_connection_free() = 0;

 protected:
  ~ConnectionWaiter() = default;
};

class TunnelRoster final : public TunnelConnectionListener {
 public:
  enum class Admission { Welcome, Superseded, Full };

  TunnelRoster(EventLoop& loop, Log& log, Ledger& ledger, Metrics& metrics, Random random);
  ~TunnelRoster();

  // Whether a connection of that identity may come now.
  Admission admits(const ConnectionIdentity& identity) const;
  void add(ConnectionIdentity identity,
           UpgradedConnection upgraded,
           const TunnelLinkSettings& settings);

  // The session of that name, suspended or not; null: unknown here.
  TunnelConnection* find_session(const TunnelId& tunnel, std::string_view session);

  // The best connection for a new stream, not `besides` (null: any); null when none is usable.
  TunnelConnection* choose(const TunnelId& tunnel, const TunnelConnection* besides);

  void wait(ConnectionWaiter& waiter) { waiters_.insert(&waiter); }
  void stop_waiting(ConnectionWaiter& waiter) {
    if (!waiters_.empty()) {
      waiters_.erase(&waiter);
    }
  }
  // A stream ended: one more may be opened.
  void stream_ended() {
    if (!waiters_.empty()) {
      wake_waiters();
    }
  }

  void end_tunnel(const TunnelId& tunnel, const std::string& reason);
  // Tells the tunnel's worker, soon, how many jobs it has.
  void report_jobs(const TunnelId& tunnel);
  // Asks all workers to leave, spread a little; they come back to whoever answers then.
  void drain_all(const std::string& reason, Duration grace);

  std::size_t size() const;
  std::size_t ready_count() const;
  std::vector<const TunnelConnection*> of(const TunnelId& tunnel) const;
  std::vector<const TunnelConnection*> all() const;

 private:
  void on_connection_ready(TunnelConnection& connection) override;
  void on_connection_draining(TunnelConnection& connection) override;
  void on_connection_suspended(TunnelConnection& connection, const Error& why) override;
  void on_connection_resumed(TunnelConnection& connection,
                             Duration outage,
                             std::uint64_t replayed) override;
  void on_connection_over(TunnelConnection& connection, const Error& error) override;
  void end_surplus_sessions();
  void count_suspended(const TunnelId& tunnel);
  void gained(TunnelConnection& connection);
  void lost(TunnelConnection& connection);
  void wake_waiters();
  void send_job_reports();
  std::vector<TunnelConnection*> pointers(const TunnelId* only) const;

  EventLoop& loop_;
  Log& log_;
  Ledger& ledger_;
  Metrics& metrics_;
  Random random_;
  std::map<std::string, std::vector<std::unique_ptr<TunnelConnection>>, std::less<>> tunnels_;
  std::set<const TunnelConnection*> counted_;  // ready ones that the registry knows
  std::set<ConnectionWaiter*> waiters_;
  std::set<TunnelId> jobs_to_report_;
  Timer report_timer_;
};

}  // namespace scpool::server
