// Which left-over tunnels on the server are ours to delete, and when to try again. A tunnel is ours
// when its metadata bears our pool's mark and its worker no longer lives, or when we held its id.
// Foreign tunnels are never touched; one without the pool flag is reported.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/random.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/pool_policy.hpp"

namespace scpool::supervisor {

class OrphanPolicy {
 public:
  // A worker of ours ended and may have left this tunnel behind.
  void condemn(const TunnelId& tunnel, Instant now);
  // What the list shows: tunnels of ours whose worker is not in `living` are condemned, those that
  // are gone are forgotten. Generations from `next_generation` on are not known to be dead.
  void listed(const std::vector<ListedTunnel>& tunnels,
              std::span<const WorkerId> living,
              Generation next_generation,
              Instant now);
  // Foreign tunnels without the pool flag in the last list, each reported once.
  std::vector<TunnelId> take_foreign();
  void deleted(const TunnelId& tunnel);
  void delete_failed(const TunnelId& tunnel, const PoolPolicy& policy, Instant now, Random& random);

  // The next tunnel to delete at `now`, marked as asked for; empty: none.
  TunnelId take_due(const PoolPolicy& policy, Instant now);
  Instant next_due() const;  // kNever: nothing is waiting
  bool idle() const { return condemned_.empty(); }
  std::vector<TunnelId> condemned() const;

 private:
  struct Condemned {
    TunnelId tunnel;
    std::uint32_t attempts = 0;
    Instant next_try;
  };
  Condemned* find(const TunnelId& tunnel);

  std::vector<Condemned> condemned_;
  std::vector<TunnelId> foreign_;  // reported
  std::vector<TunnelId> fresh_foreign_;
};

}  // namespace scpool::supervisor
