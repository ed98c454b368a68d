#include "worker/core/tunnel_lifecycle.hpp"

#include <doctest/doctest.h>

#include "tests/support/lifecycle_walk.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a tunnel is made, polled until it runs, connected, announced") {
  TunnelLifecycle lifecycle = new_lifecycle();
  CHECK(asks<CheckUpdates>(lifecycle.begin(kWalkStart)));
  CHECK(lifecycle.state() == LifecycleState::CheckingUpdates);

  CHECK(asks<CreateTunnel>(lifecycle.updates_answered(ServerUpdates{}, kWalkStart)));
  CHECK(lifecycle.create_answered(created_tunnel(TunnelStatus::New), kWalkStart).empty());
  CHECK(lifecycle.state() == LifecycleState::Provisioning);
  CHECK(lifecycle.next_deadline() == kWalkStart + 1s);
  CHECK(asks<FetchTunnel>(lifecycle.wake(kWalkStart + 1s)));

  TunnelState state = created_tunnel(TunnelStatus::Booting).state;
  CHECK(lifecycle.tunnel_answered(state, kWalkStart + 1s).empty());
  CHECK(asks<FetchTunnel>(lifecycle.wake(kWalkStart + 2s)));
  state.status = TunnelStatus::Running;
  state.host = "elsewhere.test:443";
  CHECK(asks<StartConnections>(lifecycle.tunnel_answered(state, kWalkStart + 2s)));
  CHECK(lifecycle.tunnel().state.host == "elsewhere.test:443");
  CHECK(lifecycle.tunnel().connect_secret.reveal() == "c2VjcmV0");

  CHECK(asks<AnnounceReady>(lifecycle.connection_stands(kWalkStart + 3s)));
  CHECK(lifecycle.state() == LifecycleState::Serving);
  CHECK(lifecycle.connection_stands(kWalkStart + 3s).empty());
  CHECK(lifecycle.next_deadline() == kNever);
}

TEST_CASE("a tunnel that boots but names its host is dialled at once") {
  TunnelLifecycle lifecycle = creating_lifecycle();
  CreatedTunnel tunnel = created_tunnel(TunnelStatus::Booting);
  tunnel.state.host = "tunnel.test:443";
  CHECK(asks<StartConnections>(lifecycle.create_answered(tunnel, kWalkStart)));
}

TEST_CASE("wrong credentials end the start at once") {
  TunnelLifecycle lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  const LifecycleActions actions =
      lifecycle.updates_answered(RestProblem{.status = 401, .sentence = "no"}, kWalkStart);
  CHECK(the<Finish>(actions).cause.exit_class == ExitClass::Credentials);
  CHECK(lifecycle.state() == LifecycleState::Gone);
}

TEST_CASE("a server that is not reachable is asked for 15 s, not longer") {
  TunnelLifecycle lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  Instant now = kWalkStart;
  int tries = 1;
  LifecycleActions actions = lifecycle.updates_answered(unreachable(), now);
  while (!asks<Finish>(actions)) {
    REQUIRE(lifecycle.next_deadline() < kWalkStart + 15s);
    now = lifecycle.next_deadline();
    REQUIRE(asks<CheckUpdates>(lifecycle.wake(now)));
    ++tries;
    actions = lifecycle.updates_answered(unreachable(), now);
  }
  CHECK(tries > 4);
  CHECK(the<Finish>(actions).cause.exit_class == ExitClass::Network);
  CHECK(the<Finish>(actions).cause.sentence == "server not reachable: https://x: refused");
}

TEST_CASE("what the server calls fatal is passed on, warnings are said") {
  TunnelLifecycle lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  ServerUpdates updates;
  updates.fatal = {"this version is not supported"};
  CHECK(the<Finish>(lifecycle.updates_answered(updates, kWalkStart)).cause.sentence ==
        "the server refuses this client: this version is not supported");

  lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  updates.fatal.clear();
  updates.warning = {"an update is there"};
  const LifecycleActions actions = lifecycle.updates_answered(updates, kWalkStart);
  CHECK(the<Say>(actions).text == "server warns: an update is there");
  CHECK(asks<CreateTunnel>(actions));
}

TEST_CASE("the quota text is passed on") {
  TunnelLifecycle lifecycle = creating_lifecycle();
  const LifecycleActions actions = lifecycle.create_answered(
      RestProblem{.status = 400, .sentence = "Too many active org tunnels: 6 >= 5"}, kWalkStart);
  CHECK(the<Finish>(actions).cause.exit_class == ExitClass::Quota);
  CHECK(the<Finish>(actions).cause.sentence ==
        "create tunnel: Too many active org tunnels: 6 >= 5");
}

TEST_CASE("a tunnel that does not run within the server's limit is removed") {
  TunnelLifecycle lifecycle = creating_lifecycle();
  (void)lifecycle.create_answered(created_tunnel(TunnelStatus::Booting), kWalkStart);
  (void)lifecycle.wake(kWalkStart + 1s);
  const LifecycleActions actions = lifecycle.wake(kWalkStart + 45s);
  CHECK(the<DeleteTunnel>(actions).wait == DeleteTunnel::Wait::No);
  // The late answer of the poll is nobody's.
  CHECK(lifecycle.tunnel_answered(created_tunnel().state, kWalkStart + 46s).empty());
  const Finish finish = the<Finish>(lifecycle.delete_answered(std::uint64_t{0}, kWalkStart + 46s));
  CHECK(finish.cause.exit_class == ExitClass::Server);
  CHECK(finish.cause.sentence ==
        "tunnel 0123456789abcdef0123456789abcdef was not running within 45s");
}

TEST_CASE("no connection within 15 s: the tunnel is removed and the last error named") {
  TunnelLifecycle lifecycle = connecting_lifecycle();
  lifecycle.connection_failed("Connection refused");
  CHECK(lifecycle.next_deadline() == kWalkStart + 15s);
  CHECK(asks<DeleteTunnel>(lifecycle.wake(kWalkStart + 15s)));
  const Finish finish = the<Finish>(lifecycle.delete_answered(std::uint64_t{0}, kWalkStart + 15s));
  CHECK(finish.cause.exit_class == ExitClass::Network);
  CHECK(finish.cause.sentence ==
        "server not reachable: no connection to tunnel.test:443 within 15s: Connection refused");
}

TEST_CASE("a server that forgot the tunnel gets it again, however long that takes") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  Instant now = kWalkStart + 1h;
  LifecycleActions actions = lifecycle.gave_up({GiveUp::Why::Unknown, "404"}, now);
  CHECK(asks<CloseConnections>(actions));
  CHECK(lifecycle.state() == LifecycleState::Creating);
  for (int round = 0; round < 50; ++round) {
    now = lifecycle.next_deadline();
    REQUIRE(asks<CreateTunnel>(lifecycle.wake(now)));
    const RestProblem problem =
        round % 2 == 0 ? unreachable()
                       : RestProblem{.status = 400, .sentence = "Too many active org tunnels"};
    CHECK_FALSE(asks<Finish>(lifecycle.create_answered(problem, now)));
  }
  CHECK(now > kWalkStart + 1h + 15s);
  now = lifecycle.next_deadline();
  (void)lifecycle.wake(now);
  CHECK(asks<StartConnections>(lifecycle.create_answered(created_tunnel(), now)));
  actions = lifecycle.connection_stands(now);
  CHECK_FALSE(asks<AnnounceReady>(actions));
  CHECK(lifecycle.state() == LifecycleState::Serving);
}

TEST_CASE("credentials that are refused later are tried three times") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  (void)lifecycle.gave_up({GiveUp::Why::Unknown, "404"}, kWalkStart);
  const RestProblem denied{.status = 401, .sentence = "no"};
  for (int round = 0; round < 2; ++round) {
    (void)lifecycle.wake(lifecycle.next_deadline());
    CHECK_FALSE(asks<Finish>(lifecycle.create_answered(denied, kWalkStart)));
  }
  (void)lifecycle.wake(lifecycle.next_deadline());
  CHECK(the<Finish>(lifecycle.create_answered(denied, kWalkStart)).cause.exit_class ==
        ExitClass::Credentials);
}

TEST_CASE("a tunnel ended by somebody else ends the worker after its streams") {
  TunnelLifecycle lifecycle = serving_lifecycle();
  const LifecycleActions actions = lifecycle.gave_up({GiveUp::Why::Deleted, "webui"}, kWalkStart);
  CHECK(asks<DrainConnections>(actions));
  CHECK(lifecycle.stopping());
  const Finish finish = the<Finish>(lifecycle.connections_finished(kWalkStart + 1s));
  CHECK(finish.cause.exit_class == ExitClass::Remote);
  CHECK(finish.cause.sentence == "tunnel terminated remotely: webui");
}

}  // namespace
}  // namespace scpool::worker
