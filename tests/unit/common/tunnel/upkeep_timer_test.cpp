#include "common/tunnel/upkeep_timer.hpp"

#include <doctest/doctest.h>

#include <set>

#include "common/base/limits.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

const Instant kStart{100s};

}  // namespace

TEST_CASE(
    "what is far off waits for an instant that others share, for a quarter of a second at most") {
  std::set<Instant> instants;
  for (Duration due = 1001ms; due <= 11s; due += 7ms) {
    UpkeepDeadlines deadlines;
    deadlines.upkeep = kStart + due;
    const Instant timer = upkeep_timer(deadlines, kStart);
    CHECK(timer >= deadlines.upkeep);
    CHECK(timer < deadlines.upkeep + 250ms);
    instants.insert(timer);
  }
  CHECK(instants.size() <= 4 * 10 + 1);  // of ten seconds, for some 1,400 deadlines
}

TEST_CASE("what is near or urgent is on time") {
  UpkeepDeadlines deadlines;
  CHECK(upkeep_timer(deadlines, kStart) == kNever);
  deadlines.upkeep = kStart + 701ms;
  CHECK(upkeep_timer(deadlines, kStart) == kStart + 701ms);
  deadlines.upkeep = kStart - 3ms;
  CHECK(upkeep_timer(deadlines, kStart) == kStart - 3ms);
  deadlines.upkeep = kStart + 9s;
  deadlines.urgent = kStart + 5003ms;
  CHECK(upkeep_timer(deadlines, kStart) == kStart + 5003ms);
}

TEST_CASE("the ACK of a few bytes waits for others, that of many does not") {
  UpkeepDeadlines deadlines;
  deadlines.ack = kStart + 25ms;
  deadlines.owed_bytes = 90;
  CHECK(upkeep_timer(deadlines, kStart) == kStart + 250ms);
  deadlines.owed_bytes = 64 * 1024;
  CHECK(upkeep_timer(deadlines, kStart) == kStart + 25ms);
  CHECK(ack_delay(true) == limits::kCarrierAckDelay);
  CHECK(ack_delay(false) > limits::kCarrierAckDelay);
}
