// All that a pool can do, imperative, each with its reason. The shell performs them in order and
// never skips one: WriteState comes before what it must outlive. Log lines and the event stream are
// written from action and reason.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

// Spawn it; answer WorkerSpawned or SpawnFailed. `config` names the launch plan: while a new
// configuration is not proven, plain restarts still use the old one.
struct StartWorker {
  WorkerId worker;
  ConfigHash config;
  Reason reason;
};

// Send the kind's drain signal (TERM): finish the running, refuse the new, then end.
struct DrainWorker {
  WorkerId worker;
  Reason reason;
};

enum class WorkerSignal {
  Stop,  // the kind's second signal (INT after TERM): do not wait for jobs
  Kill,  // KILL, to the whole process group
};
struct SignalWorker {
  WorkerId worker;
  WorkerSignal signal = WorkerSignal::Stop;
  Reason reason;
};

// Ask its local API; answer ProbeAnswered or ProbeFailed within the policy's probe_timeout.
struct ProbeWorker {
  WorkerId worker;
};

// Answer RestListed or RestFailed.
struct ListTunnels {
  Reason reason;
};
// Answer TunnelDeleted or TunnelDeleteFailed. Always a tunnel of ours.
struct DeleteTunnel {
  TunnelId tunnel;
  Reason reason;
};

// Write PoolController::record() atomically, with what the shell knows of each process.
struct WriteState {};

// A line of the pool's story for log, events and notifications; nothing else to do.
struct Announce {
  std::optional<WorkerId> worker;    // none: the pool itself
  std::optional<WorkerState> state;  // what the worker now is
  std::optional<ExitCause> cause;    // with an end
  Reason reason;
};

// After a shutdown: every worker is gone, the last deletions are through or given up.
struct FinishShutdown {};

using PoolAction = std::variant<StartWorker,
                                DrainWorker,
                                SignalWorker,
                                ProbeWorker,
                                ListTunnels,
                                DeleteTunnel,
                                WriteState,
                                Announce,
                                FinishShutdown>;
using PoolActions = std::vector<PoolAction>;

}  // namespace scpool::supervisor
