#include <doctest/doctest.h>

#include "tests/support/lifecycle_walk.hpp"
#include "worker/core/tunnel_lifecycle.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a stop waits for the running jobs, then for the streams") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  LifecycleActions actions = lifecycle.stop_requested("sigterm", kWalkStart);
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::ForJobs);
  CHECK(the<DeleteTunnel>(actions).reason == "sigterm");
  CHECK(lifecycle.state() == LifecycleState::Draining);
  CHECK(lifecycle.stopping());

  actions = lifecycle.delete_answered(std::uint64_t{2}, kWalkStart);
  CHECK(the<Say>(actions).text == "number of jobs using the tunnel: 2");
  CHECK(lifecycle.next_deadline() == kWalkStart + 2s);
  actions = lifecycle.wake(kWalkStart + 2s);
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::ForJobs);
  CHECK(lifecycle.delete_answered(std::uint64_t{2}, kWalkStart + 2s).empty());
  (void)lifecycle.wake(kWalkStart + 4s);

  actions = lifecycle.delete_answered(std::uint64_t{0}, kWalkStart + 4s);
  CHECK(asks<DrainConnections>(actions));
  CHECK(lifecycle.state() == LifecycleState::Closing);
  actions = lifecycle.connections_finished(kWalkStart + 5s);
  CHECK(asks<CloseConnections>(actions));
  CHECK(the<Finish>(actions).cause.exit_class == ExitClass::Clean);
  CHECK(lifecycle.wake(kWalkStart + 1h).empty());
}

TEST_CASE("jobs that do not end are cut after the time the server names") {
  TunnelLifecycle lifecycle = creating_lifecycle();
  (void)lifecycle.create_answered(created_tunnel(), kWalkStart);
  (void)lifecycle.connection_stands(kWalkStart);
  (void)lifecycle.stop_requested("sigterm", kWalkStart);
  Instant now = kWalkStart;
  LifecycleActions actions;
  while (now < kWalkStart + 300s) {
    (void)lifecycle.delete_answered(std::uint64_t{1}, now);
    now = lifecycle.next_deadline();
    actions = lifecycle.wake(now);
  }
  CHECK(now == kWalkStart + 300s);
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::No);
  CHECK(asks<CloseConnections>(actions));
  CHECK(the<Finish>(lifecycle.delete_answered(std::uint64_t{1}, now)).cause.exit_class ==
        ExitClass::Clean);
}

TEST_CASE("streams that do not end are cut after the grace") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  (void)lifecycle.stop_requested("sigint", kWalkStart);
  (void)lifecycle.delete_answered(std::uint64_t{0}, kWalkStart);
  CHECK(lifecycle.next_deadline() == kWalkStart + 30s);
  CHECK(asks<Finish>(lifecycle.wake(kWalkStart + 30s)));
}

TEST_CASE("the second signal removes the tunnel without a wait, the third waits for nothing") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  (void)lifecycle.stop_requested("sigterm", kWalkStart);
  LifecycleActions actions = lifecycle.stop_requested("sigterm", kWalkStart + 1s);
  CHECK(asks<CloseConnections>(actions));
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::No);
  CHECK(lifecycle.next_deadline() == kWalkStart + 3s);
  actions = lifecycle.stop_requested("sigterm", kWalkStart + 2s);
  CHECK(the<Finish>(actions).cause.exit_class == ExitClass::Clean);
}

TEST_CASE("a stop before anything was made just ends") {
  TunnelLifecycle lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  CHECK(asks<Finish>(lifecycle.stop_requested("sigint", kWalkStart)));
}

TEST_CASE("a tunnel that is being made when the stop comes is removed again") {
  TunnelLifecycle lifecycle = creating_lifecycle();
  CHECK(lifecycle.stop_requested("sigint", kWalkStart).empty());
  const LifecycleActions actions = lifecycle.create_answered(created_tunnel(), kWalkStart + 1s);
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::No);
  CHECK(
      the<Finish>(lifecycle.delete_answered(std::uint64_t{0}, kWalkStart + 1s)).cause.exit_class ==
      ExitClass::Clean);

  lifecycle = creating_lifecycle();
  (void)lifecycle.stop_requested("sigint", kWalkStart);
  CHECK(asks<Finish>(lifecycle.create_answered(unreachable(), kWalkStart + 1s)));
}

TEST_CASE("a stop while it polls or connects removes the tunnel") {
  for (const TunnelStatus status : {TunnelStatus::Booting, TunnelStatus::Running}) {
    TunnelLifecycle lifecycle = creating_lifecycle();
    (void)lifecycle.create_answered(created_tunnel(status), kWalkStart);
    CHECK(asks<DeleteTunnel>(lifecycle.stop_requested("sigterm", kWalkStart)));
    CHECK(asks<Finish>(lifecycle.delete_answered(std::uint64_t{0}, kWalkStart)));
  }
}

TEST_CASE("a server that cannot be asked to delete is asked for 10 s, then it is said") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  (void)lifecycle.stop_requested("sigterm", kWalkStart);
  Instant now = kWalkStart;
  LifecycleActions actions = lifecycle.delete_answered(unreachable(), now);
  while (!asks<DrainConnections>(actions)) {
    now = lifecycle.next_deadline();
    REQUIRE(asks<DeleteTunnel>(lifecycle.wake(now)));
    actions = lifecycle.delete_answered(unreachable(), now);
  }
  CHECK(now > kWalkStart + 5s);
  CHECK(now < kWalkStart + 10s);
  const Finish finish = the<Finish>(lifecycle.connections_finished(now));
  CHECK(finish.cause.exit_class == ExitClass::Network);
  CHECK(finish.cause.sentence.find("could not be removed") != std::string::npos);
}

TEST_CASE("a tunnel that is gone already is removed") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  (void)lifecycle.stop_requested("sigterm", kWalkStart);
  const RestProblem unknown{.status = 404, .sentence = "no such tunnel"};
  CHECK(asks<DrainConnections>(lifecycle.delete_answered(unknown, kWalkStart)));

  lifecycle = serving_lifecycle();
  (void)lifecycle.stop_requested("sigterm", kWalkStart);
  CHECK(asks<DrainConnections>(lifecycle.gave_up({GiveUp::Why::Deleted, "410"}, kWalkStart)));
  CHECK(the<Finish>(lifecycle.connections_finished(kWalkStart)).cause.exit_class ==
        ExitClass::Clean);
}

}  // namespace
}  // namespace scpool::worker
