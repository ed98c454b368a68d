#include "common/tunnel/liveness.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace scpool;
using namespace std::chrono_literals;

namespace {

constexpr Instant kStart{1000s};

Liveness fresh(std::uint64_t seed = 1) {
  return Liveness(LivenessRule{}, Random(seed), kStart);
}

}  // namespace

TEST_CASE("pings come every 10 s when idle and 5 s with streams, 20 % earlier or later") {
  bool early = false;
  bool late = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Liveness liveness = fresh(seed);
    CHECK_FALSE(liveness.ping_due(kStart + 7999ms, false));
    CHECK(liveness.ping_due(kStart + 12s, false));
    CHECK_FALSE(liveness.ping_due(kStart + 3999ms, true));
    CHECK(liveness.ping_due(kStart + 6s, true));
    early = early || liveness.ping_due(kStart + 9s, false);
    late = late || !liveness.ping_due(kStart + 11s, false);
  }
  CHECK(early);
  CHECK(late);
}

TEST_CASE("an answered ping gives the round trip and starts the period anew") {
  Liveness liveness = fresh();
  CHECK_FALSE(liveness.round_trip());
  const Instant sent = kStart + 12s;
  liveness.ping_sent(sent);
  CHECK_FALSE(liveness.ping_due(sent + 1s, false));
  CHECK(liveness.ping_acknowledged(sent + 80ms) == 80ms);
  CHECK(liveness.round_trip() == Duration(80ms));
  CHECK(liveness.verdict(sent + 9s) == LivenessVerdict::Alive);
  CHECK_FALSE(liveness.ping_due(sent + 7s, false));
  CHECK(liveness.ping_due(sent + 80ms + 12s, false));
}

TEST_CASE("the kernel's round trip is finer than a ping's and comes before it") {
  Liveness liveness = fresh();
  REQUIRE(liveness.round_trip_due(kStart));
  liveness.round_trip_unknown(kStart);
  CHECK_FALSE(liveness.round_trip());
  CHECK_FALSE(liveness.round_trip_due(kStart + 99ms));
  liveness.ping_sent(kStart + 1s);
  CHECK(liveness.ping_acknowledged(kStart + 1s) == 0ms);  // within one tick of the loop's clock
  CHECK_FALSE(liveness.short_path());
  liveness.round_trip_measured(230us, 40us, kStart + 1s);
  liveness.ping_sent(kStart + 2s);
  CHECK(liveness.ping_acknowledged(kStart + 2010ms) == 230us);  // it waited behind data
  CHECK(liveness.round_trip() == Duration(230us));
  CHECK(liveness.short_path());
  liveness.round_trip_measured(9ms, 999us, kStart + 2100ms);  // queues on a short path
  CHECK(liveness.short_path());
  liveness.round_trip_measured(1100us, 1ms, kStart + 2200ms);
  CHECK_FALSE(liveness.short_path());
  liveness.round_trip_measured(230us, 40us, kStart + 2300ms);

  // Another connection is another path: until the kernel knows it, a ping says more.
  liveness.restart(kStart + 3s);
  CHECK_FALSE(liveness.short_path());
  CHECK(liveness.round_trip_due(kStart + 3s));
  liveness.ping_sent(kStart + 3s);
  CHECK(liveness.ping_acknowledged(kStart + 3080ms) == 80ms);
}

TEST_CASE("of two idle ends one pings, since the other one's ping is as good as an answer") {
  Liveness near = fresh(1);
  Liveness far = fresh(2);
  int pings = 0;
  Instant now = kStart;
  const Instant end = kStart + 600s;
  while (now < end) {
    now = std::min(near.next_deadline(now, false), far.next_deadline(now, false));
    for (const auto& [from, to] : {std::pair{&near, &far}, {&far, &near}}) {
      if (from->ping_due(now, false)) {
        from->ping_sent(now);
        to->bytes_received(now);
        from->ping_acknowledged(now + 1ms);
        ++pings;
      }
    }
  }
  // Each period one, not one of each end; and never less than the longest period asks for.
  CHECK(pings <= 75);
  CHECK(pings >= 50);
}

TEST_CASE("with streams both ends ping, since each wants to know the round trip") {
  Liveness liveness = fresh();
  liveness.bytes_received(kStart + 5900ms);
  CHECK(liveness.ping_due(kStart + 6s, true));
  CHECK_FALSE(liveness.ping_due(kStart + 12s, false));
}

TEST_CASE("an unanswered ping makes the peer suspect after 3 s and dead after 10 s") {
  Liveness liveness = fresh();
  const Instant sent = kStart + 12s;
  liveness.ping_sent(sent);
  CHECK(liveness.verdict(sent + 2999ms) == LivenessVerdict::Alive);
  CHECK(liveness.verdict(sent + 3s) == LivenessVerdict::Suspect);
  CHECK(liveness.verdict(sent + 9999ms) == LivenessVerdict::Suspect);
  CHECK(liveness.verdict(sent + 10s) == LivenessVerdict::Dead);
  CHECK_FALSE(liveness.ping_due(sent + 30s, false));
}

TEST_CASE("any byte after the ping keeps the peer alive, the answer or not") {
  Liveness liveness = fresh();
  const Instant sent = kStart + 12s;
  liveness.ping_sent(sent);
  liveness.bytes_received(sent + 4s);
  CHECK(liveness.verdict(sent + 4s) == LivenessVerdict::Alive);
  CHECK(liveness.verdict(sent + 20s) == LivenessVerdict::Alive);
  // The answer never came: ask again, as after any silence.
  CHECK(liveness.ping_due(sent + 4s + 12s, false));
}

TEST_CASE("how long the peer owes an answer counts from the first thing that has none") {
  Liveness liveness = fresh();
  CHECK(liveness.unanswered(kStart + 5s) == 0s);
  liveness.bytes_sent(kStart + 5s);
  liveness.bytes_sent(kStart + 6s);
  CHECK(liveness.unanswered(kStart + 7s) == 2s);
  liveness.bytes_received(kStart + 8s);
  CHECK(liveness.unanswered(kStart + 9s) == 0s);
}

TEST_CASE("silence alone is no reason for suspicion, since a slow site is silent too") {
  Liveness liveness = fresh();
  liveness.bytes_sent(kStart);
  CHECK(liveness.verdict(kStart + 30s) == LivenessVerdict::Alive);
}

TEST_CASE("with streams, data without an answer is asked after early") {
  Liveness liveness = fresh();
  const Instant first = kStart + 6s;
  liveness.ping_sent(first);
  liveness.ping_acknowledged(first + 10ms);
  const Instant data = first + 2500ms;
  liveness.bytes_sent(data);
  CHECK_FALSE(liveness.ping_due(data + 999ms, true));
  CHECK(liveness.ping_due(data + 1s, true));
  CHECK_FALSE(liveness.ping_due(data + 1s, false));
  liveness.ping_sent(data + 1s);
  CHECK(liveness.verdict(data + 2999ms) == LivenessVerdict::Alive);
  CHECK(liveness.verdict(data + 3s) == LivenessVerdict::Suspect);
  liveness.ping_acknowledged(data + 3100ms);
  CHECK(liveness.verdict(data + 3100ms) == LivenessVerdict::Alive);
}

TEST_CASE("early pings of two quiet ends do not answer each other without end") {
  Liveness liveness = fresh();
  const Instant ping = kStart + 6s;
  liveness.ping_sent(ping);
  liveness.ping_acknowledged(ping + 10ms);
  liveness.bytes_sent(ping + 20ms);  // our answer to the other side's ping
  CHECK_FALSE(liveness.ping_due(ping + 2999ms, true));
}

TEST_CASE("the next deadline lies in the future unless a ping is due") {
  Liveness liveness = fresh(7);
  Instant now = kStart;
  LivenessVerdict verdict = LivenessVerdict::Alive;
  int turns = 0;
  bool was_suspect = false;
  // Nobody answers; a loop that obeys the deadlines ends in Dead after few turns.
  while (verdict != LivenessVerdict::Dead && turns < 10) {
    now = liveness.next_deadline(now, false);
    REQUIRE(now != kNever);
    if (liveness.ping_due(now, false)) {
      liveness.ping_sent(now);
    }
    CHECK(liveness.next_deadline(now, false) > now);
    verdict = liveness.verdict(now);
    was_suspect = was_suspect || verdict == LivenessVerdict::Suspect;
    ++turns;
  }
  CHECK(verdict == LivenessVerdict::Dead);
  CHECK(was_suspect);
  CHECK(turns == 3);
  CHECK(now - kStart <= 22s);
}
