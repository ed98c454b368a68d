#include "supervisor/core/restart_policy.hpp"

#include <algorithm>

namespace scpool::supervisor {
namespace {

// A crash says something about the pool only when the restart did not help.
bool says_something_of_the_pool(const SlotHistory& history) {
  switch (*history.last_cause) {
    case ExitCause::Credentials:
    case ExitCause::NameCollision:
    case ExitCause::Configuration:
    case ExitCause::Network:
    case ExitCause::Resources:
    case ExitCause::NeverReady:
    case ExitCause::Quota:
      return true;
    case ExitCause::Port:
    case ExitCause::Unasked:
    case ExitCause::Crash:
    case ExitCause::OutOfMemory:
    case ExitCause::Hang:
      return history.failures >= 2;
    case ExitCause::Asked:
    case ExitCause::Unknown:
      return false;
  }
  return false;
}

}  // namespace

SlotHistory after_end(const SlotHistory& before,
                      const WorkerEnd& end,
                      const PoolPolicy& policy,
                      Instant now,
                      Random& random) {
  SlotHistory after = before;
  after.since = now;
  after.next_start = now;
  after.state = VacancyState::Empty;
  if (end.cause == ExitCause::Asked) {
    return after;
  }
  const bool was_stable = end.ready_for && *end.ready_for >= policy.stable_after;
  if (was_stable) {
    after.forget_failures();
  }
  const std::uint32_t earlier = after.failures;
  after.failures = earlier + 1;
  after.last_cause = end.cause;
  if (is_permanent(end.cause)) {
    after.state = VacancyState::Failed;
    after.next_start = now + policy.slow_retry + random.up_to(policy.slow_retry / 4);
  } else if (end.cause == ExitCause::Quota) {
    after.state = VacancyState::Backoff;
    // At least half of the limit: the account does not get room by being asked often.
    const Duration limit = backoff_limit(policy.quota_backoff, earlier);
    after.next_start = now + limit / 2 + random.up_to(limit / 2);
  } else if (earlier > 0 || !end.ready_for) {
    after.state = VacancyState::Backoff;
    after.next_start = now + backoff_delay(policy.backoff, earlier, random);
  }
  return after;
}

void AlikeFailures::worker_failed(SlotIndex slot,
                                  const SlotHistory& history,
                                  const PoolPolicy& policy,
                                  Instant now) {
  if (!history.last_cause || !says_something_of_the_pool(history)) {
    return;
  }
  if (last_cause_ != history.last_cause) {
    forget();
  } else if (last_slot_ != slot && now - last_at_ <= policy.alike_window) {
    pool_wide_ = true;
  }
  last_cause_ = history.last_cause;
  last_slot_ = slot;
  last_at_ = now;
  next_trial_ = std::max(next_trial_, history.next_start);
}

void AlikeFailures::forget() {
  last_cause_.reset();
  pool_wide_ = false;
  next_trial_ = Instant{};
}

std::optional<ExitCause> AlikeFailures::cause() const {
  return pool_wide_ ? last_cause_ : std::nullopt;
}

}  // namespace scpool::supervisor
