// The planner's half of a cut connection: when it dials for the same session, and when it stops.
#include <doctest/doctest.h>

#include "worker/core/connection_planner.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

struct Cut {
  Cut() : planner({.connections = 1}, Random(7)) {
    const ConnectionActions actions = planner.start(kStart);
    epoch = std::get<DialConnection>(actions.at(0)).epoch;
    planner.connected(0, epoch, kStart, true);
  }
  DialConnection next_dial() {
    at = planner.next_deadline();
    REQUIRE(at != kNever);
    const ConnectionActions actions = planner.wake(at);
    REQUIRE(actions.size() == 1);
    return std::get<DialConnection>(actions[0]);
  }

  ConnectionPlanner planner;
  std::uint64_t epoch = 0;
  Instant at = kStart;
};

}  // namespace

TEST_CASE("a cut connection dials for its session within 250 ms, and does not stand meanwhile") {
  Cut cut;
  CHECK(cut.planner.suspended(0, cut.epoch, kStart + 1s));
  CHECK(cut.planner.standing() == 0);
  CHECK_FALSE(cut.planner.serves(kStart + 1s));
  CHECK(cut.planner.snapshot(kStart + 1s)[0].state == ConnectionState::Suspended);
  const DialConnection dial = cut.next_dial();
  CHECK(cut.at <= kStart + 1250ms);
  CHECK(dial.resumes == cut.epoch);
  CHECK(dial.epoch > cut.epoch);
  CHECK(dial.reason == DialReason::Cut);

  cut.planner.resumed(0, dial.epoch, cut.at);
  CHECK(cut.planner.standing() == 1);
  CHECK(cut.planner.snapshot(cut.at)[0].state == ConnectionState::Ready);
  CHECK(cut.planner.snapshot(cut.at)[0].epoch == dial.epoch);
  CHECK(cut.planner.snapshot(cut.at)[0].reconnects == 1);
  CHECK(cut.planner.next_deadline() == kNever);
}

TEST_CASE("many tries fit in the hold time") {
  Cut cut;
  cut.planner.suspended(0, cut.epoch, kStart);
  int tries = 0;
  for (DialConnection dial = cut.next_dial(); cut.at < kStart + 30s; dial = cut.next_dial()) {
    ++tries;
    CHECK(dial.resumes == cut.epoch);
    CHECK(cut.planner.dial_failed(0, dial.epoch, {.sentence = "refused"}, cut.at).empty());
  }
  CHECK(tries >= 30);
  CHECK(cut.planner.snapshot(cut.at)[0].state == ConnectionState::Suspended);
  CHECK(cut.planner.snapshot(cut.at)[0].last_error == "refused");
}

TEST_CASE("a server that does not know the session ends it; a new connection follows at once") {
  Cut cut;
  cut.planner.suspended(0, cut.epoch, kStart);
  const DialConnection dial = cut.next_dial();
  const ConnectionActions actions = cut.planner.dial_failed(0, dial.epoch, {.status = 409}, cut.at);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<EndSession>(actions[0]).epoch == cut.epoch);
  const Instant refused = cut.at;
  const DialConnection fresh = cut.next_dial();
  CHECK(cut.at <= refused + 500ms);
  CHECK_FALSE(fresh.resumes.has_value());
}

TEST_CASE("after the hold time a new connection is dialled without the backoff of the tries") {
  Cut cut;
  cut.planner.suspended(0, cut.epoch, kStart);
  for (int i = 0; i < 20; ++i) {
    const DialConnection dial = cut.next_dial();
    cut.planner.dial_failed(0, dial.epoch, {.sentence = "refused"}, cut.at);
  }
  const Instant over = cut.at;
  cut.planner.closed(0, cut.epoch, over);
  const DialConnection fresh = cut.next_dial();
  CHECK(cut.at <= over + 500ms);
  CHECK_FALSE(fresh.resumes.has_value());
}

TEST_CASE("a suspect resumes over a new connection; one that recovers need not") {
  Cut cut;
  cut.planner.became_suspect(0, cut.epoch, kStart + 1s);
  CHECK(cut.planner.standing() == 1);
  SUBCASE("recovered") {
    cut.planner.recovered(0, cut.epoch);
    CHECK(cut.planner.next_deadline() == kNever);
  }
  SUBCASE("replaced") {
    const DialConnection dial = cut.next_dial();
    CHECK(dial.resumes == cut.epoch);
    CHECK(dial.reason == DialReason::Suspect);
    // Its old connection is dropped for it: the dial under way goes on.
    CHECK(cut.planner.suspended(0, cut.epoch, cut.at));
    CHECK(cut.planner.next_deadline() == kNever);
    cut.planner.resumed(0, dial.epoch, cut.at);
    CHECK(cut.planner.standing() == 1);
  }
}

TEST_CASE("while it drains, a cut connection is still resumed") {
  Cut cut;
  cut.planner.suspended(0, cut.epoch, kStart);
  cut.planner.stop();
  CHECK(cut.next_dial().resumes == cut.epoch);
}

TEST_CASE("one that was let go is not resumed") {
  Cut cut;
  cut.planner.server_drains(0, cut.epoch, 20s, kStart);
  const DialConnection successor = cut.next_dial();
  cut.planner.connected(0, successor.epoch, cut.at);
  CHECK_FALSE(cut.planner.suspended(0, cut.epoch, cut.at));
}

}  // namespace scpool::worker
