// The states of one worker and what leads from one to the next. The table is printed by its test
// into docs/state-machines/worker_lifecycle.md. Decides neither when an input is given nor how long
// a state may last; that is the pool's.
#pragma once

#include <string_view>

#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

enum class WorkerInput {
  Spawned,
  SpawnFailed,
  Exited,
  BecameReady,
  BecameUnready,
  DrainWanted,  // let it finish its jobs, then end
  StopWanted,   // end without waiting for jobs
  KillWanted,   // it hears nothing
  DeadlinePassed,
};

enum class WorkerCommand {
  None,
  Drain,         // the drain signal
  Stop,          // the second signal
  DrainAndStop,  // both at once, to a worker that had none yet
  Kill,
};

struct LifecycleStep {
  WorkerState next;
  WorkerCommand command = WorkerCommand::None;
  friend bool operator==(const LifecycleStep&, const LifecycleStep&) = default;
};

LifecycleStep advance(WorkerState state, WorkerInput input);

std::string_view to_text(WorkerInput input);      // "deadline-passed"
std::string_view to_text(WorkerCommand command);  // "drain+stop"; "" for None

}  // namespace scpool::supervisor
