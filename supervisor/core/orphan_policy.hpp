// Which left-over tunnels on the server are ours to delete, and when to try again. A tunnel is ours
// when its metadata bears our pool's mark and its worker no longer lives, or when we held its id.
// Foreign tunnels are never touched; one without the pool flag is reported.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "common/base/random.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/pool_policy.hpp"

namespace scpool::supervisor {

class OrphanPolicy {
 public:
  // `why` as it is told when the tunnel is deleted.
  void condemn(const TunnelId& tunnel, ReasonKind why, Instant now);
  // A worker of ours ended: a list that was asked for before does not tell of its tunnel's end yet.
  void worker_ended(WorkerId worker, Instant now);
  // What the list asked for at `asked_at` shows: tunnels of ours whose worker is not in `living`
  // are condemned. Generations from `next_generation` on are not known to be dead.
  void listed(const std::vector<ListedTunnel>& tunnels,
              std::span<const WorkerId> living,
              Generation next_generation,
              Instant asked_at,
              Instant now);
  // Foreign tunnels without the pool flag in the last list, each reported once.
  std::vector<TunnelId> take_foreign();
  void deleted(const TunnelId& tunnel);
  void delete_failed(const TunnelId& tunnel, const PoolPolicy& policy, Instant now, Random& random);

  struct Due {
    TunnelId tunnel;
    ReasonKind why = ReasonKind::OrphanFound;
  };
  // The next tunnel to delete at `now`, marked as asked for; nothing: none.
  std::optional<Due> take_due(const PoolPolicy& policy, Instant now);
  Instant next_due() const;  // kNever: nothing is waiting
  bool idle() const { return condemned_.empty(); }
  std::vector<TunnelId> condemned() const;

 private:
  struct Condemned {
    TunnelId tunnel;
    ReasonKind why = ReasonKind::OrphanFound;
    std::uint32_t attempts = 0;
    Instant next_try;
  };
  struct End {
    WorkerId worker;
    Instant at;
  };
  Condemned* find(const TunnelId& tunnel);

  std::vector<Condemned> condemned_;
  std::deque<End> ends_;           // the last ones
  std::vector<TunnelId> foreign_;  // reported
  std::vector<TunnelId> fresh_foreign_;
};

}  // namespace scpool::supervisor
