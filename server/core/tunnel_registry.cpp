#include "server/core/tunnel_registry.hpp"

#include <algorithm>

namespace scpool::server {

namespace {

TunnelStatus status_of(TunnelPhase phase) {
  switch (phase) {
    // The endpoint stands from the first moment, and clients dial only a running tunnel (reference
    // section c.1); whether jobs may use it is what is_ready says.
    case TunnelPhase::Booting:
    case TunnelPhase::Running:
    case TunnelPhase::Disconnected:
    case TunnelPhase::Draining:
      return TunnelStatus::Running;
    case TunnelPhase::Terminated:
      return TunnelStatus::Terminated;
  }
  return TunnelStatus::Unknown;
}

TunnelState new_state(const TunnelRegistration& registration,
                      const CreateTunnelRequest& request,
                      WallTime wall) {
  TunnelState state;
  state.id = registration.id;
  state.tunnel_pool = request.tunnel_pool;
  state.shared = request.shared;
  state.tunnel_identifier = request.tunnel_identifier;
  state.owner = registration.owner;
  state.host = registration.host;
  state.protocol = request.protocol;
  state.ip_address = registration.ip_address;
  state.creation_time = unix_seconds(wall);
  state.tunnel_domains = request.tunnel_domains;
  state.direct_domains = request.direct_domains;
  state.deny_domains = request.deny_domains;
  state.tls_passthrough_domains = request.tls_passthrough_domains;
  state.tls_resign_domains = request.tls_resign_domains;
  state.extra_info = request.extra_info;
  state.vm_version = request.vm_version;
  state.metadata = request.metadata;
  return state;
}

}  // namespace

std::string_view to_text(TunnelPhase phase) {
  switch (phase) {
    case TunnelPhase::Booting:
      return "booting";
    case TunnelPhase::Running:
      return "running";
    case TunnelPhase::Disconnected:
      return "disconnected";
    case TunnelPhase::Draining:
      return "draining";
    case TunnelPhase::Terminated:
      return "terminated";
  }
  return "unknown";
}

Result<std::vector<std::string>> TunnelRegistry::create(const TunnelRegistration& registration,
                                                        const CreateTunnelRequest& request,
                                                        Moment moment) {
  std::size_t others = 0;  // that stay beside the new one
  for (const Tunnel* tunnel : of_owner(registration.owner)) {
    const bool collides =
        !request.tunnel_pool && tunnel->state.tunnel_identifier == request.tunnel_identifier;
    others += tunnel->active() && !collides ? 1U : 0U;
  }
  if (others >= registration.limit) {
    return Error(ErrorKind::Exhausted,
                 "Too many active user tunnels: " + std::to_string(others + 1) +
                     " >= " + std::to_string(registration.limit));
  }
  std::vector<std::string> warnings = settle_collisions(registration.owner, request, moment);
  Tunnel tunnel;
  tunnel.state = new_state(registration, request, moment.wall);
  tunnel.sequence = next_sequence_++;
  disconnect(tunnel, moment.now);
  enter(tunnel, TunnelPhase::Booting);
  by_id_.emplace(registration.id, tunnel.sequence);
  tunnels_.emplace(tunnel.sequence, std::move(tunnel));
  return warnings;
}

std::vector<std::string> TunnelRegistry::settle_collisions(const std::string& owner,
                                                           const CreateTunnelRequest& request,
                                                           Moment moment) {
  std::vector<std::string> warnings;
  for (auto& [sequence, tunnel] : tunnels_) {
    if (!tunnel.active() || tunnel.state.owner != owner ||
        tunnel.state.tunnel_identifier != request.tunnel_identifier) {
      continue;
    }
    if (!request.tunnel_pool) {
      warnings.push_back("Tunnel " + tunnel.state.id.value +
                         " with the same name was shut down: the new one is not in a pool.");
      end(tunnel, "collision", true, moment);
    } else if (!tunnel.state.tunnel_pool) {
      warnings.push_back("Tunnel " + tunnel.state.id.value +
                         " with the same name runs without the pool flag; a pool should be pure.");
    }
  }
  if (!request.tunnel_pool) {
    trim_history(owner);
  }
  return warnings;
}

void TunnelRegistry::restore(TunnelState state, Moment moment) {
  Tunnel tunnel;
  const TunnelStatus stored = state.status;
  tunnel.state = std::move(state);
  tunnel.sequence = next_sequence_++;
  disconnect(tunnel, moment.now);
  if (stored == TunnelStatus::Terminated) {
    tunnel.phase = TunnelPhase::Terminated;
  } else {
    tunnel.state.status = TunnelStatus::Running;
    tunnel.phase = tunnel.state.launch_time ? TunnelPhase::Disconnected : TunnelPhase::Booting;
  }
  tunnel.state.is_ready = false;
  tunnel.state.connections = {};
  changes_.changed.push_back(tunnel.state.id);  // its place in the order is new
  by_id_.emplace(tunnel.state.id, tunnel.sequence);
  tunnels_.emplace(tunnel.sequence, std::move(tunnel));
}

void TunnelRegistry::connection_ready(const TunnelId& id, Moment moment) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return;
  }
  Tunnel& tunnel = tunnels_.at(found->second);
  if (!tunnel.active()) {
    return;
  }
  ++tunnel.state.connections.ready;
  tunnel.state.last_connected = unix_seconds(moment.wall);
  if (!tunnel.state.launch_time) {
    tunnel.state.launch_time = unix_seconds(moment.wall);
  }
  if (tunnel.phase == TunnelPhase::Booting || tunnel.phase == TunnelPhase::Disconnected) {
    enter(tunnel, TunnelPhase::Running);
  }
}

void TunnelRegistry::connection_lost(const TunnelId& id, Moment moment) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return;
  }
  Tunnel& tunnel = tunnels_.at(found->second);
  if (!tunnel.active() || tunnel.state.connections.ready == 0) {
    return;
  }
  tunnel.state.last_connected = unix_seconds(moment.wall);
  if (--tunnel.state.connections.ready == 0) {
    disconnect(tunnel, moment.now);
    if (tunnel.phase == TunnelPhase::Running) {
      enter(tunnel, TunnelPhase::Disconnected);
    }
  }
}

void TunnelRegistry::suspended(const TunnelId& id, std::size_t count) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end() && tunnels_.at(found->second).active()) {
    tunnels_.at(found->second).state.connections.suspended = count;
  }
}

void TunnelRegistry::remove(const TunnelId& id,
                            std::string reason,
                            DeleteWait wait,
                            std::size_t jobs_running,
                            Moment moment) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || !tunnels_.at(found->second).active()) {
    return;
  }
  Tunnel& tunnel = tunnels_.at(found->second);
  if (reason.empty()) {
    reason = tunnel.state.shutdown_reason.value_or("deleted");
  }
  if (wait == DeleteWait::No || jobs_running == 0) {
    const std::string owner = tunnel.state.owner;
    end(tunnel, reason, true, moment);
    trim_history(owner);
    return;
  }
  if (tunnel.phase != TunnelPhase::Draining) {
    tunnel.drain_deadline = moment.now + rules_.drain_cap;
    looks_at_ = std::min(looks_at_, tunnel.drain_deadline);
    tunnel.state.shutdown_reason = reason;
    tunnel.state.user_shutdown = true;
    enter(tunnel, TunnelPhase::Draining);
  }
}

void TunnelRegistry::terminate(const TunnelId& id, const std::string& reason, Moment moment) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || !tunnels_.at(found->second).active()) {
    return;
  }
  Tunnel& tunnel = tunnels_.at(found->second);
  const std::string owner = tunnel.state.owner;
  end(tunnel, reason, false, moment);
  trim_history(owner);
}

void TunnelRegistry::jobs_running(const TunnelId& id, std::size_t count, Moment moment) {
  const Tunnel* tunnel = find(id);
  if (count == 0 && tunnel != nullptr && tunnel->phase == TunnelPhase::Draining) {
    remove(id, {}, DeleteWait::ForJobs, 0, moment);
  }
}

void TunnelRegistry::wake(Moment moment) {
  if (moment.now < looks_at_) {
    return;
  }
  std::vector<std::pair<TunnelId, std::string>> due;
  for (const auto& [sequence, tunnel] : tunnels_) {
    if (!tunnel.active()) {
      continue;
    }
    if (moment.now >= tunnel.drain_deadline) {
      due.emplace_back(tunnel.state.id, tunnel.state.shutdown_reason.value_or("serverTimeout"));
    } else if (tunnel.state.connections.ready == 0 &&
               moment.now >= tunnel.disconnected_since + rules_.orphan_after) {
      due.emplace_back(tunnel.state.id, "disconnected");
    }
  }
  for (const auto& [id, reason] : due) {
    terminate(id, reason, moment);
  }
  looks_at_ = next_deadline();
}

Instant TunnelRegistry::next_deadline() const {
  Instant next = kNever;
  for (const auto& [sequence, tunnel] : tunnels_) {
    if (!tunnel.active()) {
      continue;
    }
    next = std::min(next, tunnel.drain_deadline);
    if (tunnel.state.connections.ready == 0) {
      next = std::min(next, tunnel.disconnected_since + rules_.orphan_after);
    }
  }
  return next;
}

void TunnelRegistry::end(Tunnel& tunnel, const std::string& reason, bool by_user, Moment moment) {
  tunnel.state.shutdown_reason = reason;
  tunnel.state.user_shutdown = by_user || tunnel.phase == TunnelPhase::Draining;
  tunnel.state.shutdown_time = unix_seconds(moment.wall);
  tunnel.state.connections = {};
  tunnel.drain_deadline = kNever;
  enter(tunnel, TunnelPhase::Terminated);
  changes_.ended.push_back({tunnel.state.id, reason});
}

// Without any connection, from now on.
void TunnelRegistry::disconnect(Tunnel& tunnel, Instant now) {
  tunnel.disconnected_since = now;
  looks_at_ = std::min(looks_at_, now + rules_.orphan_after);
}

void TunnelRegistry::enter(Tunnel& tunnel, TunnelPhase phase) {
  tunnel.phase = phase;
  tunnel.state.status = status_of(phase);
  tunnel.state.is_ready = phase == TunnelPhase::Running;
  changes_.changed.push_back(tunnel.state.id);
}

void TunnelRegistry::trim_history(const std::string& owner) {
  std::vector<std::uint64_t> ended;
  for (const auto& [sequence, tunnel] : tunnels_) {
    if (!tunnel.active() && tunnel.state.owner == owner) {
      ended.push_back(sequence);
    }
  }
  for (std::size_t index = 0; index + rules_.history_per_account < ended.size(); ++index) {
    const TunnelId id = tunnels_.at(ended[index]).state.id;
    by_id_.erase(id);
    tunnels_.erase(ended[index]);
    changes_.forgotten.push_back(id);
  }
}

const Tunnel* TunnelRegistry::find(const TunnelId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tunnels_.at(found->second);
}

std::vector<const Tunnel*> TunnelRegistry::all() const {
  std::vector<const Tunnel*> result;
  for (const auto& [sequence, tunnel] : tunnels_) {
    result.push_back(&tunnel);
  }
  return result;
}

std::vector<const Tunnel*> TunnelRegistry::of_owner(std::string_view owner) const {
  std::vector<const Tunnel*> result;
  for (const auto& [sequence, tunnel] : tunnels_) {
    if (tunnel.state.owner == owner) {
      result.push_back(&tunnel);
    }
  }
  return result;
}

std::vector<const Tunnel*> TunnelRegistry::members(std::string_view owner,
                                                   std::string_view name) const {
  std::vector<const Tunnel*> result;
  for (const auto& [sequence, tunnel] : tunnels_) {
    if (tunnel.active() && tunnel.state.owner == owner && tunnel.state.tunnel_identifier == name) {
      result.push_back(&tunnel);
    }
  }
  return result;
}

std::size_t TunnelRegistry::active_count(std::string_view owner) const {
  const std::vector<const Tunnel*> owned = of_owner(owner);
  return static_cast<std::size_t>(
      std::count_if(owned.begin(), owned.end(), [](const Tunnel* one) { return one->active(); }));
}

}  // namespace scpool::server
