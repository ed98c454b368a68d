#include "supervisor/core/health_judge.hpp"

#include <doctest/doctest.h>

namespace scpool::supervisor {

TEST_CASE("one that is asked anew is neither hung nor ready before it answers") {
  const PoolPolicy policy;
  WorkerHealth health;
  health.answered(Readiness::Ready);
  for (std::uint32_t i = 0; i < policy.silent_probes; ++i) {
    health.went_unanswered();
  }
  CHECK(health.verdict(policy) == HealthVerdict::Silent);
  health.ask_anew();
  CHECK(health.verdict(policy) == HealthVerdict::Unready);
  health.answered(Readiness::Ready);
  CHECK(health.verdict(policy) == HealthVerdict::Ready);
}

TEST_CASE("one unanswered probe changes nothing, several in a row mean hung") {
  const PoolPolicy policy;
  WorkerHealth health;
  CHECK(health.verdict(policy) == HealthVerdict::Unready);
  health.answered(Readiness::Ready);
  CHECK(health.verdict(policy) == HealthVerdict::Ready);
  for (std::uint32_t i = 1; i < policy.silent_probes; ++i) {
    health.went_unanswered();
    CHECK(health.verdict(policy) == HealthVerdict::Ready);
  }
  health.went_unanswered();
  CHECK(health.verdict(policy) == HealthVerdict::Silent);
  health.answered(Readiness::Ready);
  CHECK(health.verdict(policy) == HealthVerdict::Ready);
}

TEST_CASE("the server's word counts while it can be had") {
  const PoolPolicy policy;
  WorkerHealth health;
  health.answered(Readiness::Ready);
  health.listed(Readiness::NotReady);
  CHECK(health.verdict(policy) == HealthVerdict::Unready);
  health.server_unknown();
  CHECK(health.verdict(policy) == HealthVerdict::Ready);
  health.not_listed();
  CHECK(health.verdict(policy) == HealthVerdict::Ready);
  health.not_listed();
  CHECK(health.verdict(policy) == HealthVerdict::Unready);
}

TEST_CASE("everything unhealthy at once is the network; a share is not") {
  const auto pool =
      [](std::uint32_t established, std::uint32_t unhealthy, std::uint32_t recovering) {
        return PoolHealth{established, unhealthy, unhealthy, recovering, false, 0};
      };
  CHECK(pool(3, 3, 0).network_suspected());
  CHECK_FALSE(pool(3, 2, 0).network_suspected());
  CHECK_FALSE(pool(1, 1, 0).network_suspected());
  // The others have just begun to be silent.
  CHECK(PoolHealth{3, 1, 3, 0, false, 2}.network_suspected());
  CHECK_FALSE(PoolHealth{3, 0, 3, 0, false, 3}.network_suspected());
  CHECK_FALSE(pool(3, 3, 0).may_kill_silent(3));
  CHECK(pool(3, 1, 0).may_kill_silent(3));
  CHECK_FALSE(pool(3, 1, 1).may_kill_silent(3));
  CHECK(pool(12, 4, 2).may_kill_silent(12));
  CHECK_FALSE(pool(12, 4, 3).may_kill_silent(12));
}

TEST_CASE("a single worker is excused when it answers and the server does not") {
  CHECK(PoolHealth{1, 1, 1, 0, true, 0}.network_suspected());
  CHECK_FALSE(PoolHealth{1, 1, 1, 0, false, 0}.network_suspected());
  CHECK_FALSE(PoolHealth{1, 1, 1, 0, true, 1}.network_suspected());  // hung
}

}  // namespace scpool::supervisor
