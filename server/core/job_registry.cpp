#include "server/core/job_registry.hpp"

#include <algorithm>

#include "common/base/check.hpp"

namespace scpool::server {

namespace {

Error ended() {
  return {ErrorKind::NotFound, "the job has ended"};
}

Error no_tunnel(const JobAddress& address) {
  return {ErrorKind::NotFound,
          "no tunnel named \"" + address.tunnel_name + "\" is running for this account"};
}

}  // namespace

Result<std::string> JobRegistry::name_of(const JobAddress& address) const {
  if (!address.tunnel_name.empty() ||
      !tunnels_.members(address.account, address.tunnel_name).empty()) {
    return address.tunnel_name;
  }
  std::optional<std::string> only;
  for (const Tunnel* tunnel : tunnels_.of_owner(address.account)) {
    if (!tunnel->active()) {
      continue;
    }
    if (only && *only != tunnel->state.tunnel_identifier) {
      return Error(
          ErrorKind::NotFound,
          "several tunnel names are running: say which one by ;tunnel=NAME after the user");
    }
    only = tunnel->state.tunnel_identifier;
  }
  if (!only) {
    return Error(ErrorKind::NotFound, "no tunnel is running for this account");
  }
  return *only;
}

const Tunnel* JobRegistry::next_member(const std::string& account,
                                       const std::string& name,
                                       const TunnelId& besides) const {
  const auto turn = last_.find({account, name});
  const std::uint64_t last = turn == last_.end() ? 0 : turn->second;
  const Tunnel* first = nullptr;  // of all that take jobs
  const Tunnel* next = nullptr;   // the first behind the last one chosen
  for (const Tunnel* tunnel : tunnels_.members(account, name)) {
    if (!tunnel->takes_jobs() || tunnel->state.id == besides) {
      continue;
    }
    first = first == nullptr ? tunnel : first;
    if (next == nullptr && tunnel->sequence > last) {
      next = tunnel;
    }
  }
  return next != nullptr ? next : first;
}

Result<JobId> JobRegistry::start(Job job, Moment moment) {
  if (const auto count = per_account_.find(job.address.account);
      count != per_account_.end() && count->second >= rules_.max_per_account) {
    return Error(ErrorKind::Exhausted, "too many jobs are running for this account");
  }
  const Tunnel* named = tunnels_.find(TunnelId{job.address.tunnel_name});
  job.pinned = named != nullptr && named->state.owner == job.address.account;
  if (job.pinned && !named->takes_jobs()) {
    return named->active() && named->phase != TunnelPhase::Draining
               ? Error(ErrorKind::Unreachable, "the tunnel has no connection right now")
               : no_tunnel(job.address);
  }
  const Tunnel* tunnel = named;
  if (!job.pinned) {
    if (tunnels_.members(job.address.account, job.address.tunnel_name).empty()) {
      return no_tunnel(job.address);
    }
    tunnel = next_member(job.address.account, job.address.tunnel_name, TunnelId{});
  }
  if (tunnel == nullptr) {
    return Error(ErrorKind::Unreachable, "no member of the pool can take a job right now");
  }
  job.started = moment.wall;
  job.idle_since = moment.now;
  const JobId id = job.id;
  ++per_account_[job.address.account];
  if (job.kind == JobKind::Implicit) {
    implicit_[{job.address.account, job.address.tunnel_name, job.address.label}] = id;
  }
  Job& kept = jobs_.emplace(id, std::move(job)).first->second;
  assign(kept, tunnel);
  return id;
}

Result<JobId> JobRegistry::start_explicit(JobId id,
                                          const JobAddress& address,
                                          std::string credential_hash,
                                          Moment moment) {
  Result<std::string> name = name_of(address);
  if (!name) {
    return name.error();
  }
  Job job;
  job.id = std::move(id);
  job.kind = JobKind::Explicit;
  job.address = {address.account, name.value(), address.label};
  job.credential_hash = std::move(credential_hash);
  return start(std::move(job), moment);
}

Result<JobId> JobRegistry::use_implicit(JobId fresh, const JobAddress& address, Moment moment) {
  Result<std::string> name = name_of(address);
  if (!name) {
    return name.error();
  }
  const auto found = implicit_.find({address.account, name.value(), address.label});
  if (found != implicit_.end()) {
    return found->second;
  }
  Job job;
  job.id = std::move(fresh);
  job.address = {address.account, name.value(), address.label};
  return start(std::move(job), moment);
}

void JobRegistry::restore(Job job, Moment moment) {
  job.connections = 0;
  job.requests = 0;
  job.idle_since = moment.now;
  ++per_account_[job.address.account];
  if (!job.tunnel.empty()) {
    ++running_[job.tunnel.value];
  }
  if (job.kind == JobKind::Implicit) {
    implicit_[{job.address.account, job.address.tunnel_name, job.address.label}] = job.id;
  }
  const JobId id = job.id;
  jobs_.emplace(id, std::move(job));
}

void JobRegistry::assign(Job& job, const Tunnel* tunnel) {
  if (!job.tunnel.empty()) {
    const auto count = running_.find(job.tunnel.value);
    SCPOOL_CHECK(count != running_.end() && count->second > 0);
    if (--count->second == 0) {
      running_.erase(count);
    }
    changes_.lost_one.push_back(job.tunnel);
  }
  job.tunnel = tunnel == nullptr ? TunnelId{} : tunnel->state.id;
  if (tunnel != nullptr) {
    ++running_[job.tunnel.value];
    last_[{job.address.account, job.address.tunnel_name}] = tunnel->sequence;
  }
  changes_.saved.push_back(job.id);
}

bool JobRegistry::is_out_of_reach(const TunnelId& tunnel, Instant now) const {
  const Tunnel* found = tunnels_.find(tunnel);
  return found == nullptr || !found->active() ||
         (found->state.connections.ready == 0 &&
          now >= found->disconnected_since + rules_.failover_after);
}

Result<TunnelId> JobRegistry::tunnel_for(const JobId& id, Instant now) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? ended() : tunnel_of(found->second, now);
}

Result<TunnelId> JobRegistry::request_started(const JobId& id, Instant now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return ended();
  }
  ++found->second.requests;
  return tunnel_of(found->second, now);
}

Result<TunnelId> JobRegistry::tunnel_of(Job& job, Instant now) {
  if (!is_out_of_reach(job.tunnel, now)) {
    return job.tunnel;
  }
  const Tunnel* old = tunnels_.find(job.tunnel);
  if (job.pinned) {
    return old != nullptr && old->active()
               ? Error(ErrorKind::Unreachable, "the job's tunnel has no connection right now")
               : Error(ErrorKind::NotFound, "the job's tunnel has ended");
  }
  const Tunnel* mate = next_member(job.address.account, job.address.tunnel_name, job.tunnel);
  if (mate != nullptr) {
    // Cut off is not gone: what comes meanwhile goes to a mate, the job stays where its sessions
    // are.
    if (old == nullptr || !old->active()) {
      assign(job, mate);
    }
    return mate->state.id;
  }
  if (tunnels_.members(job.address.account, job.address.tunnel_name).empty()) {
    return no_tunnel(job.address);
  }
  return Error(ErrorKind::Unreachable, "no member of the pool has a connection right now");
}

std::optional<TunnelId> JobRegistry::mate_of(const JobId& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.pinned) {
    return std::nullopt;
  }
  Job& job = found->second;
  const Tunnel* mate = next_member(job.address.account, job.address.tunnel_name, job.tunnel);
  if (mate == nullptr) {
    return std::nullopt;
  }
  if (const Tunnel* old = tunnels_.find(job.tunnel); old == nullptr || !old->active()) {
    assign(job, mate);
  }
  return mate->state.id;
}

void JobRegistry::connection_opened(const JobId& id) {
  if (const auto found = jobs_.find(id); found != jobs_.end()) {
    ++found->second.connections;
  }
}

void JobRegistry::connection_closed(const JobId& id, Instant now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return;
  }
  SCPOOL_CHECK(found->second.connections > 0);
  if (--found->second.connections == 0) {
    found->second.idle_since = now;
  }
}

void JobRegistry::request_ended(const JobId& id, Instant now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return;
  }
  SCPOOL_CHECK(found->second.requests > 0);
  if (--found->second.requests == 0) {
    found->second.idle_since = now;
  }
}

void JobRegistry::end(const JobId& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return;
  }
  Job& job = found->second;
  if (job.kind == JobKind::Implicit) {
    implicit_.erase({job.address.account, job.address.tunnel_name, job.address.label});
  }
  assign(job, nullptr);
  std::erase(changes_.saved, id);
  changes_.erased.push_back(id);
  const auto count = per_account_.find(job.address.account);
  SCPOOL_CHECK(count != per_account_.end() && count->second > 0);
  if (--count->second == 0) {
    per_account_.erase(count);
  }
  jobs_.erase(found);
}

void JobRegistry::end_all_of(const std::string& account) {
  for (const Job* job : of_account(account)) {
    end(JobId{job->id});
  }
}

Instant JobRegistry::deadline_of(const Job& job) const {
  if (job.requests > 0) {
    return kNever;
  }
  const Tunnel* tunnel = tunnels_.find(job.tunnel);
  const bool draining = tunnel != nullptr && tunnel->phase == TunnelPhase::Draining;
  if (job.kind == JobKind::Implicit && draining) {
    return job.idle_since + rules_.draining_linger;
  }
  if (job.connections > 0) {
    return kNever;
  }
  return job.idle_since +
         (job.kind == JobKind::Explicit ? rules_.explicit_idle : rules_.implicit_linger);
}

void JobRegistry::wake(Moment moment) {
  std::vector<JobId> due;
  for (const auto& [id, job] : jobs_) {
    if (moment.now >= deadline_of(job)) {
      due.push_back(job.id);
    }
  }
  std::sort(due.begin(), due.end());
  for (const JobId& id : due) {
    end(id);
  }
}

Instant JobRegistry::next_deadline() const {
  Instant next = kNever;
  for (const auto& [id, job] : jobs_) {
    next = std::min(next, deadline_of(job));
  }
  return next;
}

const Job* JobRegistry::find(const JobId& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

std::size_t JobRegistry::running_on(const TunnelId& tunnel) const {
  const auto found = running_.find(tunnel.value);
  return found == running_.end() ? 0 : found->second;
}

std::vector<const Job*> JobRegistry::of_account(std::string_view account) const {
  std::vector<const Job*> result;
  for (const auto& [id, job] : jobs_) {
    if (job.address.account == account) {
      result.push_back(&job);
    }
  }
  std::sort(result.begin(), result.end(), [](const Job* left, const Job* right) {
    return left->id < right->id;
  });
  return result;
}

}  // namespace scpool::server
