#include "worker/core/connection_planner.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

class Planned {
 public:
  explicit Planned(std::uint32_t connections = 4)
      : planner_({.connections = connections}, Random(7)) {}

  ConnectionPlanner& operator*() { return planner_; }
  ConnectionPlanner* operator->() { return &planner_; }

  // Wakes the planner at its own deadlines up to `until`; collects the dials.
  std::vector<std::pair<Instant, DialConnection>> dials_until(Instant until) {
    std::vector<std::pair<Instant, DialConnection>> dials;
    while (planner_.next_deadline() <= until) {
      const Instant at = planner_.next_deadline();
      for (const ConnectionAction& action : planner_.wake(at)) {
        dials.emplace_back(at, std::get<DialConnection>(action));
      }
    }
    return dials;
  }

  // All connections stand at the end.
  Instant stand_up(Instant now) {
    std::vector<ConnectionAction> actions = planner_.start(now);
    std::uint64_t epoch = std::get<DialConnection>(actions.at(0)).epoch;
    planner_.connected(0, epoch, now);
    Instant last = now;
    for (const auto& [at, dial] : dials_until(now + 10s)) {
      planner_.connected(dial.connection, dial.epoch, at);
      last = at;
    }
    return last;
  }

 private:
  ConnectionPlanner planner_;
};

DialConnection only_dial(const ConnectionActions& actions) {
  REQUIRE(actions.size() == 1);
  REQUIRE(std::holds_alternative<DialConnection>(actions[0]));
  return std::get<DialConnection>(actions[0]);
}

TEST_CASE("the first connection goes alone, the others follow 100 ms apart") {
  Planned planner;
  const DialConnection first = only_dial(planner->start(kStart));
  CHECK(first.connection == 0);
  CHECK(first.reason == DialReason::Start);
  CHECK(planner->next_deadline() == kNever);

  CHECK(planner->connected(0, first.epoch, kStart + 1s).empty());
  const auto dials = planner.dials_until(kStart + 5s);
  REQUIRE(dials.size() == 3);
  for (std::size_t index = 0; index < 3; ++index) {
    CHECK(dials[index].second.connection == index + 1);
    CHECK(dials[index].first == kStart + 1s + 100ms * (index + 1));
    CHECK(dials[index].second.epoch > first.epoch);
  }
}

TEST_CASE("a lost connection is dialled again within 250 ms, then with doubling limits") {
  Planned planner(1);
  const DialConnection first = only_dial(planner->start(kStart));
  planner->connected(0, first.epoch, kStart);
  Instant now = kStart + 31s;
  planner->closed(0, first.epoch, now);
  CHECK(planner->next_deadline() <= now + 250ms);

  std::vector<Duration> limits = {500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s};
  for (const Duration limit : limits) {
    const auto dials = planner.dials_until(now + 31s);
    REQUIRE(dials.size() == 1);
    now = dials[0].first;
    planner->dial_failed(0, dials[0].second.epoch, {.sentence = "refused"}, now);
    CHECK(planner->next_deadline() <= now + limit);
    CHECK(planner->snapshot(now)[0].last_error == "refused");
  }
}

TEST_CASE("the backoff starts anew only after 30 s of stability") {
  Planned planner(1);
  DialConnection dial = only_dial(planner->start(kStart));
  Instant now = kStart;
  std::uint32_t attempts = 0;
  for (int round = 0; round < 5; ++round) {
    planner->connected(0, dial.epoch, now);
    now += 5s;
    planner->closed(0, dial.epoch, now);
    const auto dials = planner.dials_until(now + 31s);
    REQUIRE(dials.size() == 1);
    dial = dials[0].second;
    now = dials[0].first;
    CHECK(dial.attempts == ++attempts);
  }
  planner->connected(0, dial.epoch, now);
  now += 30s;
  planner->closed(0, dial.epoch, now);
  CHECK(planner->next_deadline() <= now + 250ms);
}

TEST_CASE("after an outage the first connection that stands brings the others back") {
  Planned planner;
  Instant now = planner.stand_up(kStart) + 31s;
  const std::vector<ConnectionSnapshot> before = planner->snapshot(now);
  for (std::uint32_t index = 0; index < 4; ++index) {
    planner->closed(index, before[index].epoch, now);
  }
  // Nobody answers for a minute; one is told to come back much later.
  const Instant back = now + 60s;
  while (planner->next_deadline() < back) {
    now = planner->next_deadline();
    for (const ConnectionAction& action : planner->wake(now)) {
      const auto& dial = std::get<DialConnection>(action);
      const auto later =
          dial.connection == 3 && now > back - 40s ? std::optional<Duration>(4min) : std::nullopt;
      planner->dial_failed(dial.connection,
                           dial.epoch,
                           {.status = later ? 503 : 0, .retry_after = later, .sentence = "no"},
                           now);
    }
  }
  now = planner->next_deadline();
  const DialConnection first = only_dial(planner->wake(now));
  REQUIRE(first.connection != 3);
  planner->connected(first.connection, first.epoch, now);
  const auto followers = planner.dials_until(now + 200ms);
  CHECK(followers.size() == 2);
  for (const auto& [at, dial] : followers) {
    CHECK(dial.connection != 3);
  }
  CHECK(planner->snapshot(now)[3].retry_in > Duration(1min));
}

TEST_CASE("Retry-After is honoured, up to a bound") {
  Planned planner(1);
  const DialConnection dial = only_dial(planner->start(kStart));
  planner->dial_failed(0, dial.epoch, {.status = 503, .retry_after = 20s, .sentence = ""}, kStart);
  CHECK(planner->next_deadline() >= kStart + 20s);
  const auto dials = planner.dials_until(kStart + 21s);
  REQUIRE(dials.size() == 1);
  planner->dial_failed(0,
                       dials[0].second.epoch,
                       {.status = 429, .retry_after = 24h, .sentence = ""},
                       dials[0].first);
  CHECK(planner->next_deadline() == dials[0].first + 5min);
}

TEST_CASE("401 and 403 end it at the third in a row, not before") {
  Planned planner(1);
  DialConnection dial = only_dial(planner->start(kStart));
  for (const int status : {401, 403}) {
    CHECK(
        planner->dial_failed(0, dial.epoch, {.status = status, .sentence = "no"}, kStart).empty());
    dial = planner.dials_until(kStart + 10s).at(0).second;
  }
  const ConnectionActions actions =
      planner->dial_failed(0, dial.epoch, {.status = 401, .sentence = "no"}, kStart);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<GiveUp>(actions[0]).why == GiveUp::Why::Denied);
  CHECK(planner->next_deadline() == kNever);
}

TEST_CASE("410 ends it at once; 404 only when no connection stands") {
  Planned planner(2);
  const Instant now = planner.stand_up(kStart);
  const std::uint64_t second = planner->snapshot(now)[1].epoch;
  const std::uint64_t first = planner->snapshot(now)[0].epoch;
  planner->closed(1, second, now);
  DialConnection dial = planner.dials_until(now + 1s).at(0).second;
  CHECK(planner->dial_failed(1, dial.epoch, {.status = 404, .sentence = "?"}, now).empty());

  planner->closed(0, first, now);
  dial = planner.dials_until(now + 1s).at(0).second;
  ConnectionActions actions =
      planner->dial_failed(dial.connection, dial.epoch, {.status = 404, .sentence = "?"}, now);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<GiveUp>(actions[0]).why == GiveUp::Why::Unknown);

  dial = only_dial(planner->start(now));
  actions = planner->dial_failed(0, dial.epoch, {.status = 410, .sentence = "deleted"}, now);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<GiveUp>(actions[0]).why == GiveUp::Why::Deleted);
}

TEST_CASE("a suspect connection is replaced while it still stands") {
  Planned planner(1);
  const Instant now = planner.stand_up(kStart) + 40s;
  const std::uint64_t old_epoch = planner->snapshot(now)[0].epoch;
  planner->canary_answered(0, old_epoch, now);
  planner->became_suspect(0, old_epoch, now);
  CHECK(planner->snapshot(now)[0].state == ConnectionState::Suspect);
  CHECK(planner->serves(now));
  const DialConnection dial = planner.dials_until(now + 250ms).at(0).second;
  CHECK(dial.reason == DialReason::Suspect);
  CHECK(dial.epoch > old_epoch);

  const ConnectionActions actions = planner->connected(0, dial.epoch, now + 1s);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<DrainReplaced>(actions[0]).epoch == old_epoch);
  CHECK(planner->snapshot(now)[0].epoch == dial.epoch);
  // The old one's end is no news any more.
  CHECK(planner->closed(0, old_epoch, now + 2s).empty());
  CHECK(planner->next_deadline() == kNever);
}

TEST_CASE("a connection that recovers in time is not replaced") {
  Planned planner(1);
  const Instant now = planner.stand_up(kStart) + 40s;
  const std::uint64_t epoch = planner->snapshot(now)[0].epoch;
  planner->became_suspect(0, epoch, now);
  planner->recovered(0, epoch);
  CHECK(planner->next_deadline() == kNever);
  CHECK(planner->snapshot(now)[0].state == ConnectionState::Ready);
}

TEST_CASE("a connection whose server drains it serves on until its successor stands") {
  Planned planner(1);
  const Instant now = planner.stand_up(kStart) + 40s;
  const std::uint64_t epoch = planner->snapshot(now)[0].epoch;
  planner->canary_answered(0, epoch, now);
  planner->server_drains(0, epoch, 20s, now);
  CHECK(planner->serves(now));
  CHECK(planner->snapshot(now)[0].state == ConnectionState::Draining);
  const DialConnection dial = planner.dials_until(now + 250ms).at(0).second;
  CHECK(dial.reason == DialReason::ServerDrains);

  const ConnectionActions actions = planner->connected(0, dial.epoch, now + 1s);
  REQUIRE(actions.size() == 1);
  CHECK(std::get<DrainReplaced>(actions[0]).epoch == epoch);
  CHECK(std::get<DrainReplaced>(actions[0]).grace == 19s);
  CHECK(planner->snapshot(now)[0].epoch == dial.epoch);
  CHECK(planner->next_deadline() == kNever);
}

TEST_CASE("a draining connection leaves without a successor when there is nowhere to go") {
  Planned planner(1);
  const Instant now = planner.stand_up(kStart) + 40s;
  const std::uint64_t epoch = planner->snapshot(now)[0].epoch;
  planner->server_drains(0, epoch, 20s, now);
  const auto [at, dial] = planner.dials_until(now + 250ms).at(0);
  SUBCASE("the dial fails") {
    const ConnectionActions actions =
        planner->dial_failed(0, dial.epoch, {.sentence = "refused"}, at);
    REQUIRE(actions.size() == 1);
    CHECK(std::get<DrainReplaced>(actions[0]).epoch == epoch);
  }
  SUBCASE("the dial hangs for half of the time it has") {
    CHECK(planner->next_deadline() == now + 10s);
    const ConnectionActions actions = planner->wake(now + 10s);
    REQUIRE(actions.size() == 1);
    CHECK(std::get<DrainReplaced>(actions[0]).grace == 10s);
  }
  CHECK(planner->standing() == 0);
  CHECK(planner->snapshot(now)[0].state != ConnectionState::Draining);
}

TEST_CASE(
    "each connection begins at another address, stays there, and moves on after two failures") {
  Planned planner(3);
  Instant now = kStart;
  DialConnection dial = only_dial(planner->start(now));
  CHECK(dial.address == 0);
  planner->connected(0, dial.epoch, now);
  const auto others = planner.dials_until(now + 1s);
  REQUIRE(others.size() == 2);
  CHECK(others[0].second.address == 1);
  CHECK(others[1].second.address == 2);
  planner->connected(1, others[0].second.epoch, now);
  planner->connected(2, others[1].second.epoch, now);

  planner->closed(0, dial.epoch, now);
  for (const std::uint32_t address : {0U, 0U, 1U}) {
    const auto dials = planner.dials_until(now + 31s);
    REQUIRE(dials.size() == 1);
    now = dials[0].first;
    dial = dials[0].second;
    CHECK(dial.address == address);
    if (address == 0) {
      planner->dial_failed(0, dial.epoch, {.sentence = "refused"}, now);
    }
  }
  planner->connected(0, dial.epoch, now);
  planner->closed(0, dial.epoch, now + 60s);
  CHECK(planner.dials_until(now + 61s).at(0).second.address == 1);  // it stood there
}

TEST_CASE("a change of the network: what lost its address moves, the others are asked") {
  Planned planner(2);
  const Instant now = planner.stand_up(kStart) + 40s;
  const std::uint64_t first = planner->snapshot(now)[0].epoch;
  const std::uint64_t second = planner->snapshot(now)[1].epoch;
  const ConnectionActions actions = planner->network_changed({1}, now);
  REQUIRE(actions.size() == 2);
  CHECK(std::get<ProbeConnection>(actions[0]).epoch == first);
  CHECK(std::get<DialConnection>(actions[1]).connection == 1);
  CHECK(planner->snapshot(now)[1].epoch == second);
  CHECK(planner->snapshot(now)[1].state == ConnectionState::Suspect);
}

TEST_CASE("a change of the network ends a backoff, but not what the server asked for") {
  Planned planner(1);
  const DialConnection first = only_dial(planner->start(kStart));
  planner->connected(0, first.epoch, kStart);
  planner->closed(0, first.epoch, kStart);
  Instant now = kStart;
  std::uint64_t epoch = 0;
  for (int failures = 0; failures < 6; ++failures) {
    const auto dials = planner.dials_until(now + 60s);
    REQUIRE(dials.size() == 1);
    now = dials[0].first;
    epoch = dials[0].second.epoch;
    planner->dial_failed(0, epoch, {.sentence = "unreachable"}, now);
  }
  epoch = only_dial(planner->network_changed({}, now)).epoch;
  planner->dial_failed(0, epoch, {.status = 503, .retry_after = 20s, .sentence = ""}, now);
  CHECK(planner->network_changed({}, now + 1s).empty());
  CHECK(planner->next_deadline() == now + 20s);
}

TEST_CASE("it serves as long as one canary came lately") {
  Planned planner(2);
  const Instant now = planner.stand_up(kStart);
  CHECK(planner->serves(now + 34s));
  CHECK_FALSE(planner->serves(now + 36s));
  planner->canary_answered(1, planner->snapshot(now)[1].epoch, now + 36s);
  CHECK(planner->serves(now + 70s));
  CHECK_FALSE(planner->serves(now + 71s));
}

TEST_CASE("stale news yields nothing") {
  Planned planner(1);
  const DialConnection dial = only_dial(planner->start(kStart));
  CHECK(planner->connected(0, dial.epoch + 1, kStart).empty());
  CHECK(planner->connected(9, dial.epoch, kStart).empty());
  CHECK(planner->dial_failed(0, dial.epoch + 1, {}, kStart).empty());
  planner->stop();
  CHECK(planner->connected(0, dial.epoch, kStart).empty());
  CHECK(planner->closed(0, dial.epoch, kStart).empty());
  CHECK(planner->standing() == 0);
  CHECK(planner->next_deadline() == kNever);
}

}  // namespace
}  // namespace scpool::worker
