// The vocabulary of a pool: states, causes, reasons. What can happen is in pool_events, what can be
// done in pool_actions, what is seen in pool_snapshot, what is kept in pool_record, the numbers in
// pool_policy. Values only: no decisions.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.hpp"
#include "common/base/time.hpp"

namespace scpool::supervisor {

// What a worker was started with, condensed: a different hash means the worker is out of date.
using ConfigHash = NumberId<struct ConfigHashTag, std::uint64_t>;

enum class WorkerState { Starting, Ready, Unhealthy, Draining, Stopping, Exited };

// A slot without a worker, and why it has none.
enum class VacancyState {
  Empty,    // may start at once
  Backoff,  // starts again when its delay is over
  Failed,   // the cause will not pass by itself; tried again slowly, and at once on reload
};

// Why a worker ended, from exit status and last output lines.
enum class ExitCause {
  Asked,          // we asked it to end
  Unasked,        // exit 0 although nobody asked (a remote shutdown)
  Credentials,    // permanent
  Quota,          // the account's tunnel limit; always a back-off
  NameCollision,  // permanent: a tunnel of that name without the pool flag
  Configuration,  // permanent
  Port,
  Network,
  Resources,  // descriptors, processes, disk
  Crash,      // a signal, a core, a failed check
  OutOfMemory,
  Hang,        // killed by us because it gave no answer
  NeverReady,  // stopped by us because it was not ready in time
  Unknown,     // ended while no supervisor watched, or nothing fits
};

enum class RolloutState { Idle, Running, Paused };

// Why something was done. One word for programs; `detail` has the numbers for people.
enum class ReasonKind {
  PoolStart,
  SlotVacant,
  BackoffOver,
  SlowRetry,
  ReplacementWanted,
  ReplacementReady,
  TrialOfSuspicion,  // everything looks unhealthy: one new worker shows whether the network works
  MaxAge,
  MemoryLimit,
  DescriptorLimit,
  ConfigChanged,
  RestartWished,
  DrainWished,
  ScaledDown,
  ShuttingDown,
  Surplus,  // more workers than places
  StartTimeout,
  DrainTimeout,
  StopTimeout,
  ApiSilent,         // no answer to probes
  NotReady,          // answers, and says it is not ready
  NotReadyAtServer,  // the REST API says so
  ProbeDue,
  BecameReady,
  WorkerEnded,
  SpawnFailed,
  Adopted,
  AlikeFailures,  // the same cause in several slots: one tries, the rest wait
  QuotaRefused,
  RestUnreachable,
  RestAnswers,
  OrphanFound,
  ForeignTunnel,  // our name, no pool flag, not ours
  RolloutStep,
  RolloutFailed,
  RolloutPaused,
  RolloutResumed,
  RolloutCancelled,
  RolloutDone,
  StateChanged,
};

struct Reason {
  ReasonKind kind = ReasonKind::StateChanged;
  std::string detail;  // may be empty
};

std::string_view to_text(WorkerState state);   // "starting"
std::string_view to_text(VacancyState state);  // "backoff"
std::string_view to_text(ExitCause cause);     // "name-collision"
std::string_view to_text(RolloutState state);  // "paused"
std::string_view to_text(ReasonKind kind);     // "max-age"
std::string to_text(const Reason& reason);     // "max-age: 24h"
std::string to_text(WorkerId id);              // "2.17": slot.generation, as in file names
// Under which a service manager keeps a worker's descriptor: "worker-2.17"; and back.
std::string stored_name(WorkerId id);
std::optional<WorkerId> stored_worker(std::string_view name);

// True for Starting, Ready and Unhealthy: what size and max_surge bound.
constexpr bool is_active(WorkerState state) {
  return state == WorkerState::Starting || state == WorkerState::Ready ||
         state == WorkerState::Unhealthy;
}
// True when waiting alone mends nothing: credentials, configuration, name collision.
constexpr bool is_permanent(ExitCause cause) {
  return cause == ExitCause::Credentials || cause == ExitCause::Configuration ||
         cause == ExitCause::NameCollision;
}

}  // namespace scpool::supervisor
