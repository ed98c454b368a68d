// Jobs and the tunnel each one keeps: explicit ones (REST) and implicit ones (an ingress
// credential, or a client address), assigned round robin when they start, sticky until their tunnel
// is gone (design section 7). Pure; reads the tunnel registry, never changes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "server/core/tunnel_registry.hpp"

namespace scpool::server {

enum class JobKind { Explicit, Implicit };

struct JobRules {
  Duration implicit_linger = std::chrono::minutes{1};  // after the last connection
  // After the last request on a draining tunnel, whatever connections are kept alive: a successor
  // may take over what comes next.
  Duration draining_linger = std::chrono::seconds{5};
  Duration explicit_idle = std::chrono::hours{24};    // nobody ended it and nobody uses it
  Duration failover_after = std::chrono::seconds{2};  // tunnel without a connection: ask a mate
  std::size_t max_per_account = 10'000;
};

// Whose job, by which name it finds its tunnel, and what tells it from others.
struct JobAddress {
  std::string account;
  std::string tunnel_name;  // a name, a tunnel id of the account, or empty: the account's only one
  std::string label;        // of an implicit job: its label or client address
};

struct Job {
  JobId id;
  JobKind kind = JobKind::Implicit;
  JobAddress address;
  bool pinned = false;  // addressed one member by id: never moves
  TunnelId tunnel;      // empty until it has been assigned
  std::string credential_hash;
  WallTime started;
  std::size_t connections = 0;
  std::size_t requests = 0;  // running ones
  Instant idle_since;        // when the last of them ended
};

struct JobChanges {
  std::vector<JobId> saved;
  std::vector<JobId> erased;
  std::vector<TunnelId> lost_one;  // tunnels with fewer jobs than before
};

class JobRegistry {
 public:
  JobRegistry(const TunnelRegistry& tunnels, JobRules rules) : tunnels_(tunnels), rules_(rules) {}

  // NotFound: no active tunnel answers to the name. Exhausted: too many jobs. Unreachable: members
  // exist but none can take a job now (an implicit job is then made on the next try).
  Result<JobId> start_explicit(JobId id,
                               const JobAddress& address,
                               std::string credential_hash,
                               Moment moment);
  // The running job of that address, or a new one under `fresh`.
  Result<JobId> use_implicit(JobId fresh, const JobAddress& address, Moment moment);
  void restore(Job job, Moment moment);

  // The job's tunnel; a mate while that has had no connection for `failover_after`. The job itself
  // moves only when its tunnel has ended. Unreachable: nobody can take it now. NotFound: the job or
  // every member of its name has ended.
  Result<TunnelId> tunnel_for(const JobId& id, Instant now);
  // Another member that takes jobs, for one request that its own tunnel provably did not serve.
  std::optional<TunnelId> mate_of(const JobId& id);

  void connection_opened(const JobId& id);
  void connection_closed(const JobId& id, Instant now);
  // A request that begins counts from here on until request_ended, whether there is a tunnel for it
  // or not.
  Result<TunnelId> request_started(const JobId& id, Instant now);
  void request_ended(const JobId& id, Instant now);
  void end(const JobId& id);
  void end_all_of(const std::string& account);
  void wake(Moment moment);
  Instant next_deadline() const;

  bool changed() const {
    return !(changes_.saved.empty() && changes_.erased.empty() && changes_.lost_one.empty());
  }
  JobChanges take_changes() { return std::exchange(changes_, {}); }

  const Job* find(const JobId& id) const;
  std::size_t running_on(const TunnelId& tunnel) const;
  // In order of their ids.
  std::vector<const Job*> of_account(std::string_view account) const;
  std::size_t size() const { return jobs_.size(); }

 private:
  using ImplicitKey = std::tuple<std::string, std::string, std::string>;

  Result<JobId> start(Job job, Moment moment);
  Result<std::string> name_of(const JobAddress& address) const;
  const Tunnel* next_member(const std::string& account,
                            const std::string& name,
                            const TunnelId& besides) const;
  void assign(Job& job, const Tunnel* tunnel);
  Result<TunnelId> tunnel_of(Job& job, Instant now);
  bool is_out_of_reach(const TunnelId& tunnel, Instant now) const;
  Instant deadline_of(const Job& job) const;

  const TunnelRegistry& tunnels_;
  JobRules rules_;
  std::unordered_map<JobId, Job> jobs_;  // asked by each request
  std::map<ImplicitKey, JobId> implicit_;
  std::map<std::string, std::size_t, std::less<>> running_;  // by tunnel
  std::map<std::string, std::size_t, std::less<>> per_account_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> last_;  // round robin, by pool
  JobChanges changes_;
};

}  // namespace scpool::server
