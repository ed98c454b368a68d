// The tunnels of all accounts by id, name and state: collisions, pools, limits, drain, orphans and
// history (reference sections c.2 and c.6). Pure; knows connections and jobs as numbers only. What
// the shell must do is collected in changes and taken after each call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/tunnel/tunnel_resource.hpp"

namespace scpool::server {

struct Moment {
  Instant now;
  WallTime wall;
};

enum class TunnelPhase {
  Booting,       // registered, no connection has been ready yet; REST says running, not ready
  Running,       // at least one ready connection: gets jobs
  Disconnected,  // was running; its worker may come back
  Draining,      // delete with wait: keeps its jobs, gets no new ones
  Terminated,    // history
};
std::string_view to_text(TunnelPhase phase);

struct TunnelRules {
  Duration orphan_after = std::chrono::minutes{5};  // without any connection
  Duration drain_cap = std::chrono::hours{3};       // reference section c.4
  std::size_t history_per_account = 200;            // terminated ones kept
};

struct Tunnel {
  TunnelState state;
  TunnelPhase phase = TunnelPhase::Booting;
  std::uint64_t sequence = 0;  // order of registration; the round robin follows it
  Instant disconnected_since;  // meaningful without connections
  Instant drain_deadline = kNever;

  bool active() const { return phase != TunnelPhase::Terminated; }
  bool takes_jobs() const { return phase == TunnelPhase::Running; }
};

// What the shell has to do: store these, close the connections of those.
struct TunnelChanges {
  struct Ended {
    TunnelId id;
    std::string reason;
  };
  std::vector<TunnelId> changed;
  std::vector<Ended> ended;
  std::vector<TunnelId> forgotten;  // fell out of the history
};

struct TunnelRegistration {
  TunnelId id;
  std::string owner;
  std::string host;  // what the worker dials
  std::optional<std::string> ip_address;
  std::size_t limit = 0;  // of active tunnels of this owner
};

enum class DeleteWait { ForJobs, No };

class TunnelRegistry {
 public:
  explicit TunnelRegistry(TunnelRules rules) : rules_(rules) {}

  // Exhausted with the documented text when the account is at its limit. A tunnel without the pool
  // flag ends all others of its owner and name first. The value: warnings for the operator.
  Result<std::vector<std::string>> create(const TunnelRegistration& registration,
                                          const CreateTunnelRequest& request,
                                          Moment moment);
  // From the store, at start: active tunnels wait for their workers, terminated ones are history.
  void restore(TunnelState state, Moment moment);

  void connection_ready(const TunnelId& id, Moment moment);
  void connection_lost(const TunnelId& id, Moment moment);
  // How many of its cut connections are kept. For those who look; nothing is decided by it.
  void suspended(const TunnelId& id, std::size_t count);
  // A second call may shorten the wait, never lengthen it. Unknown and ended ids change nothing.
  void remove(const TunnelId& id,
              std::string reason,
              DeleteWait wait,
              std::size_t jobs_running,
              Moment moment);
  // By us, not by a user.
  void terminate(const TunnelId& id, const std::string& reason, Moment moment);
  // Tells how many jobs a tunnel has; a draining one ends with its last job.
  void jobs_running(const TunnelId& id, std::size_t count, Moment moment);
  void wake(Moment moment);
  Instant next_deadline() const;

  bool changed() const {
    return !(changes_.changed.empty() && changes_.ended.empty() && changes_.forgotten.empty());
  }
  TunnelChanges take_changes() { return std::exchange(changes_, {}); }

  const Tunnel* find(const TunnelId& id) const;
  // In order of registration.
  std::vector<const Tunnel*> all() const;
  std::vector<const Tunnel*> of_owner(std::string_view owner) const;
  std::vector<const Tunnel*> members(std::string_view owner, std::string_view name) const;
  std::size_t active_count(std::string_view owner) const;

 private:
  void end(Tunnel& tunnel, const std::string& reason, bool by_user, Moment moment);
  void enter(Tunnel& tunnel, TunnelPhase phase);
  void disconnect(Tunnel& tunnel, Instant now);
  void trim_history(const std::string& owner);
  std::vector<std::string> settle_collisions(const std::string& owner,
                                             const CreateTunnelRequest& request,
                                             Moment moment);

  TunnelRules rules_;
  std::uint64_t next_sequence_ = 1;
  std::map<std::uint64_t, Tunnel> tunnels_;            // by sequence
  std::unordered_map<TunnelId, std::uint64_t> by_id_;  // asked by each request
  Instant looks_at_ = kNever;                          // no deadline of a tunnel is before it
  TunnelChanges changes_;
};

}  // namespace scpool::server
