#include "worker/core/orphan_watch.hpp"

#include <doctest/doctest.h>

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

TEST_CASE("asks every 15 s, at the same time as others that started at another") {
  for (const Duration later : {0s, 4s, 13s}) {
    OrphanWatch watch({}, kStart + later);
    CHECK(watch.next_deadline() == Instant{1005s + (later > 4s ? 15s : 0s)});
    CHECK_FALSE(watch.take_due(watch.next_deadline() - 1ms));
    CHECK(watch.take_due(Instant{1020s}));
    CHECK_FALSE(watch.take_due(Instant{1021s}));
    CHECK(watch.next_deadline() == Instant{1035s});
  }
}

TEST_CASE("only a supervisor that stays away for the whole grace is gone") {
  OrphanWatch watch({.grace = 10min}, kStart);
  watch.probed(ProbeResult::NobodyThere, kStart + 15s);
  CHECK_FALSE(watch.orphaned(kStart + 15s));
  watch.probed(ProbeResult::NobodyThere, kStart + 9min);
  CHECK_FALSE(watch.orphaned(kStart + 10min));
  // Back as another process, gone again: the count starts anew.
  watch.probed(ProbeResult::Answered, kStart + 10min);
  CHECK_FALSE(watch.orphaned(kStart + 20min));
  watch.probed(ProbeResult::NobodyThere, kStart + 11min);
  watch.probed(ProbeResult::NobodyThere, kStart + 21min);
  CHECK(watch.orphaned(kStart + 21min));
  CHECK(watch.away_for(kStart + 21min) == 10min);
}

TEST_CASE("time in which nobody asked does not count") {
  OrphanWatch watch({.grace = 10min}, kStart);
  watch.probed(ProbeResult::Answered, kStart);
  watch.probed(ProbeResult::NobodyThere, kStart + 5h);
  CHECK_FALSE(watch.orphaned(kStart + 5h));
}

}  // namespace
}  // namespace scpool::worker
