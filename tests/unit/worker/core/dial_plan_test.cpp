#include "worker/core/dial_plan.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::worker;
using namespace std::chrono_literals;
using State = DialPlan::State;

namespace {

constexpr Instant kStart{1h};

}  // namespace

TEST_CASE("addresses start one after another, sooner when one fails") {
  DialPlan plan(3, {}, kStart);
  const auto first = plan.take_due(kStart);
  CHECK(first.is_due);
  CHECK(first.address == 0);
  CHECK_FALSE(plan.take_due(kStart).is_due);
  CHECK(plan.next_deadline() == kStart + 250ms);
  CHECK_FALSE(plan.take_due(kStart + 249ms).is_due);
  CHECK(plan.take_due(kStart + 250ms).address == 1);
  plan.failed(kStart + 300ms);
  const auto third = plan.take_due(kStart + 300ms);
  CHECK(third.is_due);
  CHECK(third.address == 2);
  CHECK(plan.next_deadline() == kStart + 25s + 300ms - 300ms);
}

TEST_CASE("rounds repeat with a pause and end") {
  DialPlan plan(1, {.attempts = 3}, kStart);
  Instant now = kStart;
  for (std::uint32_t round = 0; round < 3; ++round) {
    CHECK(plan.round() == round);
    REQUIRE(plan.take_due(now).is_due);
    CHECK(plan.state(now) == State::Dialing);
    plan.failed(now);
    if (round < 2) {
      CHECK(plan.state(now) == State::Dialing);
      CHECK(plan.next_deadline() == now + 1s);
      CHECK_FALSE(plan.take_due(now).is_due);
      now += 1s;
    }
  }
  CHECK(plan.state(now) == State::Exhausted);
  CHECK_FALSE(plan.take_due(now + 1h).is_due);
}

TEST_CASE("silence is waited for once, not in every round") {
  DialPlan plan(2, {.attempts = 3, .timeout = 5s}, kStart);
  CHECK(plan.take_due(kStart).is_due);
  CHECK(plan.take_due(kStart + 250ms).is_due);
  CHECK(plan.next_deadline() == kStart + 5s);
  CHECK(plan.state(kStart + 4s) == State::Dialing);
  CHECK(plan.state(kStart + 5s) == State::TimedOut);
}

TEST_CASE("a timeout of zero is none") {
  DialPlan plan(1, {.attempts = 1, .timeout = 0s}, kStart);
  CHECK(plan.take_due(kStart).is_due);
  CHECK(plan.next_deadline() == kNever);
  CHECK(plan.state(kStart + 1h) == State::Dialing);
}
