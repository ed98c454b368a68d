// What the PoolController remembers of each worker and each slot. Values only; the steps are
// PoolState's, which owns them.
#pragma once

#include <optional>

#include "supervisor/core/health_judge.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/restart_policy.hpp"

namespace scpool::supervisor {

// Whose success or failure a new worker is, until it has been ready long enough.
enum class Errand { None, Recycle, Rollout, Trial };

enum class Place {
  Vacant,
  Beside,  // the slot's old worker still serves
};

struct Member {
  WorkerId id;
  WorkerState state = WorkerState::Starting;
  Place place = Place::Vacant;
  Errand errand = Errand::None;
  std::optional<ExitCause> doom;  // we end it, for this
  Instant started_at;
  Instant since;
  Instant ready_since = kNever;
  Instant unready_since = kNever;
  Instant deadline = kNever;  // of the state
  Instant retire_at = kNever;
  Instant probe_at = kNever;
  Instant probe_sent = kNever;  // kNever: none is out
  Instant answered_at;
  Instant silent_since;  // of the first probe in a row that went unanswered
  bool was_ready = false;
  bool drain_unsure = false;  // recorded as draining, perhaps before the signal was sent
  bool restart_wished = false;
  ConfigHash config;
  WorkerHealth health;
  Reason reason;
  ProbeAnswered last;  // what it said last
};

struct Slot {
  SlotHistory history;
  Errand errand = Errand::None;  // of the next worker: its predecessor was drained first
  bool silenced = false;         // its worker was killed for silence, and none is ready since
  std::uint32_t recycle_failures = 0;
  Instant recycle_not_before;
};

}  // namespace scpool::supervisor
