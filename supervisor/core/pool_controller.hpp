// The pool's decider: composes worker lifecycle, restart policy, rollout planner, health judge,
// quota policy and orphan policy. No clock, process, socket or log: events and `now` in, actions
// with reasons out. Owned by the shell (supervisor) or the simulator.
//
// Order at start: construct, one WorkerAdopted per worker taken back, then PoolStarted. `now` never
// goes backwards. Call handle(TimerFired{}) at next_deadline().
#pragma once

#include <memory>

#include "supervisor/core/pool_actions.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_record.hpp"
#include "supervisor/core/pool_snapshot.hpp"

namespace scpool::supervisor {

class PoolController {
 public:
  struct Setup {
    PoolPolicy policy;
    ConfigHash config;
    PoolRecord record;       // default: a new pool
    std::uint64_t seed = 0;  // of the jitter
  };

  explicit PoolController(Setup setup);
  PoolController(const PoolController&) = delete;
  PoolController& operator=(const PoolController&) = delete;
  ~PoolController();

  PoolActions handle(const PoolEvent& event, Instant now);
  // When to call with TimerFired; kNever: only events matter.
  Instant next_deadline() const;

  PoolSnapshot snapshot(Instant now) const;
  // What WriteState writes.
  PoolRecord record() const;
  // Sentences for people: the rule, the numbers, the next deadline. Empty: no such slot.
  std::string explain(SlotIndex slot, Instant now) const;
  bool finished() const;  // FinishShutdown was said

 private:
  std::unique_ptr<class PoolState> state_;
};

}  // namespace scpool::supervisor
