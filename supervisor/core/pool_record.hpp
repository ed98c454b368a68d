// What of a pool outlives its supervisor: the content of the state file as far as the deciders
// care. Instants are of the boot-time timeline and valid within one boot only; after a reboot no
// worker can be left and the shell keeps instance, next_generation and size alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/pool_snapshot.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

struct WorkerRecord {
  WorkerId worker;
  WorkerState state = WorkerState::Starting;
  bool replacement = false;
  Instant started_at;
  Instant since;
  Instant deadline = kNever;   // of starting, draining or stopping
  Instant retire_at = kNever;  // its turn by age
  ConfigHash config;
  TunnelId tunnel;
  bool restart_wished = false;  // older than a restart that was asked for
};

struct SlotRecord {
  SlotIndex slot;
  VacancyState state = VacancyState::Empty;
  std::optional<ExitCause> last_cause;
  std::uint32_t failures = 0;
  Instant next_start;
};

struct RolloutRecord {
  RolloutState state = RolloutState::Idle;
  Reason reason;
  Instant began;
  std::uint32_t total = 0;
  CapacityLedger ledger;
};

struct PoolRecord {
  // The shell raises it above every generation found in names of logs and pid files: a full disk
  // may have kept the last record from being written.
  std::uint64_t next_generation = 1;
  std::uint32_t size = 0;    // wished; 0: as configured
  ConfigHash proven_config;  // the last configuration that served; value 0: none yet
  bool shutting_down = false;
  RolloutRecord rollout;
  std::vector<WorkerRecord> workers;
  std::vector<SlotRecord> slots;
  std::vector<TunnelId> condemned;  // ours, to be deleted, not yet confirmed
};

}  // namespace scpool::supervisor
