#include "supervisor/core/orphan_policy.hpp"

#include <algorithm>
#include <utility>

namespace scpool::supervisor {
namespace {

// More orphans than this come back with the next list.
constexpr std::size_t kMaxCondemned = 256;
constexpr std::size_t kMaxForeign = 64;
// Of the time in which a list is under way.
constexpr std::size_t kMaxEnds = 256;

}  // namespace

OrphanPolicy::Condemned* OrphanPolicy::find(const TunnelId& tunnel) {
  const auto found = std::find_if(condemned_.begin(), condemned_.end(), [&](const Condemned& one) {
    return one.tunnel == tunnel;
  });
  return found == condemned_.end() ? nullptr : &*found;
}

void OrphanPolicy::condemn(const TunnelId& tunnel, ReasonKind why, Instant now) {
  if (!tunnel.empty() && find(tunnel) == nullptr && condemned_.size() < kMaxCondemned) {
    condemned_.push_back({tunnel, why, 0, now});
  }
}

void OrphanPolicy::worker_ended(WorkerId worker, Instant now) {
  ends_.push_back({worker, now});
  if (ends_.size() > kMaxEnds) {
    ends_.pop_front();
  }
}

void OrphanPolicy::listed(const std::vector<ListedTunnel>& tunnels,
                          std::span<const WorkerId> living,
                          Generation next_generation,
                          Instant asked_at,
                          Instant now) {
  std::erase_if(ends_, [asked_at](const End& end) { return end.at < asked_at; });
  for (const ListedTunnel& tunnel : tunnels) {
    if (tunnel.ended) {
      continue;
    }
    if (!tunnel.worker) {
      const bool known = std::find(foreign_.begin(), foreign_.end(), tunnel.id) != foreign_.end();
      if (!tunnel.pool_flag && !known && foreign_.size() < kMaxForeign) {
        foreign_.push_back(tunnel.id);
        fresh_foreign_.push_back(tunnel.id);
      }
      continue;
    }
    const bool lives = std::find(living.begin(), living.end(), *tunnel.worker) != living.end();
    const bool just_ended = std::any_of(
        ends_.begin(), ends_.end(), [&](const End& end) { return end.worker == *tunnel.worker; });
    if (!lives && !just_ended && tunnel.worker->generation < next_generation) {
      condemn(tunnel.id, ReasonKind::OrphanFound, now);
    }
  }
}

std::vector<TunnelId> OrphanPolicy::take_foreign() {
  return std::exchange(fresh_foreign_, {});
}

void OrphanPolicy::deleted(const TunnelId& tunnel) {
  std::erase_if(condemned_, [&](const Condemned& one) { return one.tunnel == tunnel; });
}

void OrphanPolicy::delete_failed(const TunnelId& tunnel,
                                 const PoolPolicy& policy,
                                 Instant now,
                                 Random& random) {
  if (Condemned* one = find(tunnel); one != nullptr) {
    one->next_try =
        now + std::chrono::seconds{1} + backoff_delay(policy.backoff, one->attempts, random);
  }
}

std::optional<OrphanPolicy::Due> OrphanPolicy::take_due(const PoolPolicy& policy, Instant now) {
  for (Condemned& one : condemned_) {
    if (one.next_try <= now) {
      ++one.attempts;
      // Until answered; an answer that never comes counts as a failure.
      one.next_try = now + 2 * policy.rest_timeout;
      return Due{one.tunnel, one.why};
    }
  }
  return std::nullopt;
}

Instant OrphanPolicy::next_due() const {
  Instant next = kNever;
  for (const Condemned& one : condemned_) {
    next = std::min(next, one.next_try);
  }
  return next;
}

std::vector<TunnelId> OrphanPolicy::condemned() const {
  std::vector<TunnelId> tunnels;
  for (const Condemned& one : condemned_) {
    tunnels.push_back(one.tunnel);
  }
  return tunnels;
}

}  // namespace scpool::supervisor
