// When a slot whose worker ended gets the next one: at once, after a back-off, or slowly. Also sees
// the same failure in several slots, and then lets one of them try for all. Starts nothing itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

// What a slot remembers of its past workers.
struct SlotHistory {
  VacancyState state = VacancyState::Empty;
  std::uint32_t failures = 0;  // in a row; forgotten after a stable time
  std::uint32_t earlier = 0;   // of them, from before this supervisor began
  std::optional<ExitCause> last_cause;
  std::vector<std::string> last_lines;
  Instant since;       // of the vacancy
  Instant next_start;  // not before

  void forget_failures() { failures = earlier = 0; }
  std::uint32_t new_failures() const { return failures - std::min(failures, earlier); }
};

struct WorkerEnd {
  ExitCause cause = ExitCause::Unknown;
  std::optional<Duration> ready_for;  // without a break until its end; nothing: never or not then
};

// The history after an end. The first failure of a worker that served is answered at once; then
// exponential back-off with full jitter; permanent causes wait for the slow trial.
SlotHistory after_end(const SlotHistory& before,
                      const WorkerEnd& end,
                      const PoolPolicy& policy,
                      Instant now,
                      Random& random);

// The same cause in two slots within the window is the pool's cause: one slot tries, the others
// wait. It ends with the first worker that becomes ready, or when another cause shows up.
class AlikeFailures {
 public:
  void worker_failed(SlotIndex slot,
                     const SlotHistory& history,
                     const PoolPolicy& policy,
                     Instant now);
  void worker_became_ready() { forget(); }
  void forget();

  std::optional<ExitCause> cause() const;
  // While cause(): no start before.
  Instant next_trial() const { return next_trial_; }

 private:
  std::optional<ExitCause> last_cause_;
  SlotIndex last_slot_;
  Instant last_at_;
  bool pool_wide_ = false;
  Instant next_trial_;
};

}  // namespace scpool::supervisor
