#include "supervisor/core/rollout_planner.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{1h};
const Reason kWhy{ReasonKind::RestartWished, {}};

}  // namespace

TEST_CASE("the oldest goes first, and none unless running") {
  RolloutPlanner planner({1}, {});
  const std::vector<RolloutCandidate> stale = {{{{0}, {3}}, kNow - 1min},
                                               {{{1}, {2}}, kNow - 5min}};
  CHECK(planner.choose(stale) == nullptr);
  planner.begin(kWhy, 2, 3, kNow);
  CHECK(planner.choose(stale)->worker == WorkerId{{1}, {2}});
  planner.pause(kWhy);
  CHECK(planner.choose(stale) == nullptr);
  planner.resume();
  CHECK(planner.choose(stale) != nullptr);
}

TEST_CASE("a second wish joins and the count goes on") {
  RolloutPlanner planner({1}, {});
  planner.begin(kWhy, 3, 3, kNow);
  CHECK_FALSE(planner.note_progress(2));
  planner.begin(kWhy, 3, 3, kNow);
  CHECK(planner.snapshot().total == 4);
  CHECK(planner.snapshot().done == 1);
  CHECK(planner.note_progress(0));
  CHECK(planner.state() == RolloutState::Idle);
  CHECK(planner.snapshot().done == 4);
}

TEST_CASE("the ledger adds up what was missing while it ran") {
  RolloutPlanner planner({1}, {});
  planner.account(0, 3, kNow);
  planner.begin(kWhy, 3, 3, kNow);
  planner.account(3, 3, kNow + 10s);
  planner.account(1, 3, kNow + 12s);
  planner.account(4, 3, kNow + 20s);
  CHECK(planner.snapshot().ledger.lowest_ready == 1);
  CHECK(planner.snapshot().ledger.lost_worker_seconds == doctest::Approx(4.0));
}

TEST_CASE("progress is a worker replaced, or the rollout taken up again") {
  RolloutPlanner planner({1}, {1});
  CHECK_FALSE(planner.progressed_at());
  planner.account(3, 3, kNow);
  planner.begin(kWhy, 3, 3, kNow);
  CHECK(planner.progressed_at() == kNow);
  planner.account(3, 3, kNow + 10s);
  planner.note_progress(3);
  CHECK(planner.progressed_at() == kNow);
  planner.begin(kWhy, 3, 3, kNow + 10s);  // a second wish is no progress
  CHECK(planner.progressed_at() == kNow);
  planner.note_progress(2);
  CHECK(planner.progressed_at() == kNow + 10s);
  planner.pause(kWhy);
  planner.account(3, 3, kNow + 1h);
  planner.resume();
  CHECK(planner.progressed_at() == kNow + 1h);
}

TEST_CASE("a new configuration has a canary until it is proven or given up") {
  RolloutPlanner planner({1}, {});
  CHECK_FALSE(planner.has_canary());
  planner.want({2});
  CHECK(planner.has_canary());
  CHECK(planner.is_outdated({1}));
  CHECK(planner.proven() == ConfigHash{1});
  planner.prove_wanted();
  CHECK_FALSE(planner.has_canary());
  planner.want({3});
  planner.begin(kWhy, 1, 1, kNow);
  planner.cancel();
  CHECK_FALSE(planner.has_canary());
  CHECK_FALSE(planner.is_outdated({2}));
  CHECK(planner.step_config() == ConfigHash{2});
}

}  // namespace scpool::supervisor
