// Which worker is replaced next because people or the configuration want it, and when that stops.
// One rollout at a time: later wishes join it. A failed replacement pauses it and the old workers
// go on serving. Keeps the capacity ledger. Starts and drains nothing itself.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "supervisor/core/pool_record.hpp"
#include "supervisor/core/pool_snapshot.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

struct RolloutCandidate {
  WorkerId worker;
  Instant started_at;
};

class RolloutPlanner {
 public:
  // `proven` is the configuration that served last; value 0: there is none but `wanted`.
  RolloutPlanner(ConfigHash wanted, ConfigHash proven);
  void restore(const RolloutRecord& record, Instant now);
  RolloutRecord record() const;

  // Configurations. While the wanted one is not proven, one worker goes first (the canary) and
  // plain restarts use the proven one.
  void want(ConfigHash config);
  void prove_wanted();
  ConfigHash wanted() const { return wanted_; }
  ConfigHash proven() const { return proven_; }
  bool has_canary() const { return wanted_ != proven_ && !config_cancelled_; }
  ConfigHash step_config() const { return config_cancelled_ ? proven_ : wanted_; }
  bool is_outdated(ConfigHash config) const { return config != step_config(); }

  // Begins, joins or resumes. `stale` counts the workers to be replaced now.
  void begin(Reason reason, std::uint32_t stale, std::uint32_t ready, Instant now);
  void pause(Reason reason);  // only when running
  void resume();              // only when paused
  void cancel();              // the wanted configuration is given up, too
  // To be told after each event; true when the rollout ended with this.
  bool note_progress(std::uint32_t stale);

  // When a worker was last replaced, or the rollout began or was resumed; nothing: not yet known.
  std::optional<Instant> progressed_at() const { return progressed_at_; }

  RolloutState state() const { return state_; }
  const Reason& reason() const { return reason_; }
  // The oldest; null when not running or nothing is left.
  const RolloutCandidate* choose(std::span<const RolloutCandidate> stale) const;
  // `ready` workers of `size` since the last call.
  void account(std::uint32_t ready, std::uint32_t size, Instant now);
  RolloutSnapshot snapshot() const;

 private:
  RolloutState state_ = RolloutState::Idle;
  Reason reason_;
  Instant began_;
  std::uint32_t total_ = 0;
  std::uint32_t stale_ = 0;
  CapacityLedger ledger_;
  Instant accounted_until_;
  std::optional<Instant> progressed_at_;
  ConfigHash wanted_;
  ConfigHash proven_;
  bool config_cancelled_ = false;
};

}  // namespace scpool::supervisor
