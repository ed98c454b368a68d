// What a pool is at one moment, for status, /readiness, metrics and explain. Made by
// PoolController::snapshot(); process ids and wall times are the shell's to add.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

struct WorkerSnapshot {
  WorkerId worker;
  WorkerState state = WorkerState::Starting;
  bool replacement = false;  // comes to take its slot over
  Instant started_at;
  Instant since;  // of the state
  Reason reason;  // of the state
  Instant next_deadline = kNever;
  std::string deadline_means;  // "killed unless it has ended", "recycled: max age"
  ConfigHash config;
  TunnelId tunnel;
  std::uint32_t silent_probes = 0;  // unanswered in a row
  bool local_ready = false;
  std::optional<bool> server_ready;  // of the REST list; nothing when stale or not asked
  std::uint32_t jobs = 0;
  std::uint32_t streams = 0;
  std::uint32_t connections = 0;
  std::uint32_t suspect_connections = 0;
  std::uint32_t suspended_connections = 0;
  std::uint64_t memory = 0;
  std::uint32_t descriptors = 0;
};

struct VacantSlotSnapshot {
  SlotIndex slot;
  VacancyState state = VacancyState::Empty;
  std::optional<ExitCause> last_cause;
  std::vector<std::string> last_lines;
  std::uint32_t failures = 0;      // in a row
  std::uint32_t new_failures = 0;  // of them, since this supervisor began
  Instant since;
  Instant next_start = kNever;
  bool waits_for_trial = false;  // a pool-wide cause: another slot tries first
};

// What a rollout cost. Goal: lowest_ready == size and nothing lost.
struct CapacityLedger {
  std::uint32_t lowest_ready = 0;
  double lost_worker_seconds = 0;  // integral of max(0, size - ready)
};

struct RolloutSnapshot {
  RolloutState state = RolloutState::Idle;
  Reason reason;  // why it began, or why it is paused
  std::uint32_t done = 0;
  std::uint32_t total = 0;
  bool one_out_one_in = false;  // the quota refuses the surge
  Instant began;
  CapacityLedger ledger;  // of this rollout, or of the last one when idle
};

struct PoolSnapshot {
  std::uint32_t size = 0;
  std::uint32_t ready = 0;
  std::uint32_t minimum_ready = 0;  // size - max_unavailable, at least 1
  std::uint32_t active = 0;
  std::uint32_t draining = 0;
  bool shutting_down = false;
  bool network_suspected = false;       // everything is unhealthy: nothing is killed for it
  std::optional<ExitCause> pool_cause;  // the same failure in several slots
  bool rest_stale = false;              // REST cannot be reached; what it said is old
  std::vector<WorkerSnapshot> workers;  // by slot, then generation
  std::vector<VacantSlotSnapshot> vacant;
  RolloutSnapshot rollout;
};

}  // namespace scpool::supervisor
