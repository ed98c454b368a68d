#include "supervisor/core/restart_policy.hpp"

#include <doctest/doctest.h>

namespace scpool::supervisor {
namespace {

const PoolPolicy kPolicy;
constexpr Instant kNow{1h};

}  // namespace

TEST_CASE("the first failure of a worker that served is answered at once") {
  Random random(1);
  const SlotHistory after = after_end({}, {ExitCause::Crash, 10min}, kPolicy, kNow, random);
  CHECK(after.next_start == kNow);
  CHECK(after.failures == 1);
  const SlotHistory again = after_end(after, {ExitCause::Crash, 1s}, kPolicy, kNow, random);
  CHECK(again.failures == 2);
  CHECK(again.state == VacancyState::Backoff);
}

TEST_CASE("back-off grows up to its cap and is forgotten after a stable time") {
  Random random(2);
  SlotHistory history;
  Duration longest{};
  for (int i = 0; i < 200; ++i) {
    history = after_end(history, {ExitCause::Crash, std::nullopt}, kPolicy, kNow, random);
    longest = std::max(longest, history.next_start - kNow);
  }
  CHECK(longest <= kPolicy.backoff.cap);
  CHECK(longest > kPolicy.backoff.cap / 2);
  history = after_end(history, {ExitCause::Crash, kPolicy.stable_after}, kPolicy, kNow, random);
  CHECK(history.failures == 1);
  CHECK(history.next_start == kNow);
}

TEST_CASE("permanent causes are tried slowly, quota is a back-off and never hurries") {
  Random random(3);
  for (const ExitCause cause :
       {ExitCause::Credentials, ExitCause::Configuration, ExitCause::NameCollision}) {
    const SlotHistory failed = after_end({}, {cause, std::nullopt}, kPolicy, kNow, random);
    CHECK(failed.state == VacancyState::Failed);
    CHECK(failed.next_start >= kNow + kPolicy.slow_retry);
    CHECK(failed.next_start <= kNow + kPolicy.slow_retry + kPolicy.slow_retry / 4);
  }
  const SlotHistory quota = after_end({}, {ExitCause::Quota, std::nullopt}, kPolicy, kNow, random);
  CHECK(quota.state == VacancyState::Backoff);
  CHECK(quota.next_start >= kNow + kPolicy.quota_backoff.first_limit / 2);
}

TEST_CASE("an end that was asked for is no failure") {
  Random random(4);
  const SlotHistory after = after_end({}, {ExitCause::Asked, 1s}, kPolicy, kNow, random);
  CHECK(after.failures == 0);
  CHECK(after.next_start == kNow);
}

TEST_CASE("the same cause in two slots is the pool's, until one succeeds") {
  Random random(5);
  AlikeFailures alike;
  const SlotHistory network =
      after_end({}, {ExitCause::Network, std::nullopt}, kPolicy, kNow, random);
  alike.worker_failed({0}, network, kPolicy, kNow);
  CHECK_FALSE(alike.cause());
  alike.worker_failed({0}, network, kPolicy, kNow + 1s);
  CHECK_FALSE(alike.cause());
  alike.worker_failed({1}, network, kPolicy, kNow + 2s);
  CHECK(alike.cause() == ExitCause::Network);
  CHECK(alike.next_trial() >= network.next_start);
  alike.worker_became_ready();
  CHECK_FALSE(alike.cause());
}

TEST_CASE("failures far apart, and first crashes, say nothing of the pool") {
  Random random(6);
  AlikeFailures alike;
  const SlotHistory network =
      after_end({}, {ExitCause::Network, std::nullopt}, kPolicy, kNow, random);
  alike.worker_failed({0}, network, kPolicy, kNow);
  alike.worker_failed({1}, network, kPolicy, kNow + 2 * kPolicy.alike_window);
  CHECK_FALSE(alike.cause());
  alike.forget();
  const SlotHistory crash = after_end({}, {ExitCause::Crash, 10min}, kPolicy, kNow, random);
  for (std::uint32_t slot = 0; slot < 10; ++slot) {
    alike.worker_failed({slot}, crash, kPolicy, kNow);
  }
  CHECK_FALSE(alike.cause());  // ten killed at once all come back at once
}

}  // namespace scpool::supervisor
