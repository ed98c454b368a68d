#include "server/core/tunnel_registry.hpp"

#include <doctest/doctest.h>

#include "tests/unit/server/core/registry_fixture.hpp"

namespace scpool::server {
namespace {

TEST_CASE("a tunnel boots, runs with its first connection and waits for its worker without one") {
  Registries r;
  REQUIRE(r.create(1).ok());
  CHECK(r.phase(1) == TunnelPhase::Booting);
  CHECK(r.tunnels.find(tunnel_id(1))->state.status == TunnelStatus::Running);
  CHECK_FALSE(r.tunnels.find(tunnel_id(1))->state.is_ready);

  r.tunnels.connection_ready(tunnel_id(1), at(1s));
  r.tunnels.connection_ready(tunnel_id(1), at(2s));
  CHECK(r.phase(1) == TunnelPhase::Running);
  CHECK(r.tunnels.find(tunnel_id(1))->state.is_ready);
  CHECK(r.tunnels.find(tunnel_id(1))->state.launch_time == 1'800'000'001);

  r.tunnels.connection_lost(tunnel_id(1), at(3s));
  CHECK(r.phase(1) == TunnelPhase::Running);
  r.tunnels.connection_lost(tunnel_id(1), at(4s));
  CHECK(r.phase(1) == TunnelPhase::Disconnected);
  CHECK(r.tunnels.find(tunnel_id(1))->state.status == TunnelStatus::Running);
  CHECK_FALSE(r.tunnels.find(tunnel_id(1))->state.is_ready);
  CHECK(r.tunnels.next_deadline() == at(4s + 5min).now);

  r.tunnels.wake(at(4s + 5min - 1ns));
  CHECK(r.phase(1) == TunnelPhase::Disconnected);
  r.tunnels.wake(at(4s + 5min));
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.tunnels.find(tunnel_id(1))->state.shutdown_reason == "disconnected");
  CHECK(r.tunnels.find(tunnel_id(1))->state.user_shutdown == false);
  CHECK(r.tunnels.next_deadline() == kNever);
}

TEST_CASE("a pool grows, other names coexist") {
  Registries r;
  CHECK(r.create(1).value().empty());
  CHECK(r.create(2).value().empty());
  CHECK(r.create(3, "other", PoolFlag::Unset).value().empty());
  CHECK(r.create(4, "pool", PoolFlag::Unset, "bob").value().empty());
  CHECK(r.tunnels.members("ann", "pool").size() == 2);
  CHECK(r.tunnels.active_count("ann") == 3);
}

TEST_CASE("a tunnel without the pool flag shuts down everything of its name, even a pool") {
  Registries r;
  r.running(1);
  r.running(2);
  r.running(3, "other");
  (void)r.tunnels.take_changes();
  const auto warnings = r.create(4, "pool", PoolFlag::Unset);
  REQUIRE(warnings.ok());
  CHECK(warnings.value().size() == 2);
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.phase(2) == TunnelPhase::Terminated);
  CHECK(r.phase(3) == TunnelPhase::Running);
  CHECK(r.tunnels.find(tunnel_id(1))->state.user_shutdown == true);
  const TunnelChanges changes = r.tunnels.take_changes();
  REQUIRE(changes.ended.size() == 2);
  CHECK(changes.ended[0].reason == "collision");
}

TEST_CASE("two unnamed tunnels collide, named ones are left alone") {
  Registries r;
  REQUIRE(r.create(1, "", PoolFlag::Unset).ok());
  REQUIRE(r.create(2, "x", PoolFlag::Unset).ok());
  REQUIRE(r.create(3, "", PoolFlag::Unset).ok());
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.phase(2) == TunnelPhase::Booting);
}

TEST_CASE("a pool member beside a lone tunnel of the name is warned about") {
  Registries r;
  REQUIRE(r.create(1, "pool", PoolFlag::Unset).ok());
  const auto warnings = r.create(2, "pool", PoolFlag::Set);
  REQUIRE(warnings.ok());
  CHECK(warnings.value().size() == 1);
  CHECK(r.phase(1) == TunnelPhase::Booting);
}

TEST_CASE("the tunnel limit has the documented text and does not count what a collision ends") {
  Registries r;
  r.limit = 2;
  REQUIRE(r.create(1).ok());
  REQUIRE(r.create(2).ok());
  const auto refused = r.create(3);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind() == ErrorKind::Exhausted);
  CHECK(refused.error().sentence() == "Too many active user tunnels: 3 >= 2");
  CHECK(r.create(4, "pool", PoolFlag::Unset).ok());
  CHECK(r.create(5, "other").ok());
  r.tunnels.remove(tunnel_id(5), "sigterm", DeleteWait::No, 0, at(1s));
  CHECK(r.create(6, "other").ok());
}

TEST_CASE("delete without jobs ends at once; again it changes nothing") {
  Registries r;
  r.running(1);
  (void)r.tunnels.take_changes();
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 0, at(5s));
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.tunnels.find(tunnel_id(1))->state.shutdown_reason == "sigterm");
  CHECK(r.tunnels.find(tunnel_id(1))->state.shutdown_time == 1'800'000'005);
  CHECK(r.tunnels.take_changes().ended.size() == 1);
  r.tunnels.remove(tunnel_id(1), "again", DeleteWait::No, 0, at(6s));
  CHECK(r.tunnels.take_changes().ended.empty());
  CHECK(r.tunnels.find(tunnel_id(1))->state.shutdown_reason == "sigterm");
}

TEST_CASE("delete with wait drains: no new jobs, ends with the last one or after three hours") {
  Registries r;
  r.running(1);
  r.running(2);
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 2, at(0s));
  CHECK(r.phase(1) == TunnelPhase::Draining);
  CHECK_FALSE(r.tunnels.find(tunnel_id(1))->takes_jobs());
  CHECK_FALSE(r.tunnels.find(tunnel_id(1))->state.is_ready);
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 1, at(1min));
  CHECK(r.tunnels.find(tunnel_id(1))->drain_deadline == at(3h).now);
  r.tunnels.jobs_running(tunnel_id(1), 1, at(2min));
  CHECK(r.phase(1) == TunnelPhase::Draining);
  r.tunnels.jobs_running(tunnel_id(1), 0, at(3min));
  CHECK(r.phase(1) == TunnelPhase::Terminated);

  r.tunnels.remove(tunnel_id(2), "sigterm", DeleteWait::ForJobs, 1, at(0s));
  r.tunnels.wake(at(3h - 1ns));
  CHECK(r.phase(2) == TunnelPhase::Draining);
  r.tunnels.wake(at(3h));
  CHECK(r.phase(2) == TunnelPhase::Terminated);
}

TEST_CASE("wait=0 during a drain ends it") {
  Registries r;
  r.running(1);
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 2, at(0s));
  r.tunnels.remove(tunnel_id(1), "", DeleteWait::No, 2, at(1s));
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.tunnels.find(tunnel_id(1))->state.shutdown_reason == "sigterm");
}

TEST_CASE(
    "a draining tunnel that loses its worker is an orphan too; reconnecting does not undrain") {
  Registries r;
  r.running(1);
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 1, at(0s));
  r.tunnels.connection_lost(tunnel_id(1), at(1s));
  CHECK(r.phase(1) == TunnelPhase::Draining);
  r.tunnels.connection_ready(tunnel_id(1), at(2s));
  CHECK(r.phase(1) == TunnelPhase::Draining);
  r.tunnels.connection_lost(tunnel_id(1), at(3s));
  r.tunnels.wake(at(3s + 5min));
  CHECK(r.phase(1) == TunnelPhase::Terminated);
}

TEST_CASE("cut connections are shown as long as they are kept") {
  Registries r;
  r.running(1);
  const TunnelConnections& shown = r.tunnels.find(tunnel_id(1))->state.connections;
  CHECK(shown.ready == 1);
  r.tunnels.connection_lost(tunnel_id(1), at(1s));
  r.tunnels.suspended(tunnel_id(1), 1);
  CHECK(shown.ready == 0);
  CHECK(shown.suspended == 1);
  CHECK(to_json(r.tunnels.find(tunnel_id(1))->state).find(R"("suspended":1)") != std::string::npos);
  r.tunnels.suspended(tunnel_id(9), 1);  // nobody
  r.tunnels.terminate(tunnel_id(1), "test", at(2s));
  CHECK(shown.suspended == 0);
  r.tunnels.suspended(tunnel_id(1), 1);
  CHECK(shown.suspended == 0);
}

TEST_CASE("late events about ended or unknown tunnels find nobody") {
  Registries r;
  r.running(1);
  r.tunnels.terminate(tunnel_id(1), "test", at(1s));
  r.tunnels.connection_lost(tunnel_id(1), at(2s));
  r.tunnels.connection_ready(tunnel_id(1), at(2s));
  CHECK(r.phase(1) == TunnelPhase::Terminated);
  CHECK(r.tunnels.find(tunnel_id(1))->state.connections.ready == 0);
  r.tunnels.connection_ready(tunnel_id(9), at(2s));
  r.tunnels.connection_lost(tunnel_id(9), at(2s));
  r.tunnels.remove(tunnel_id(9), "x", DeleteWait::No, 0, at(2s));
  CHECK(r.tunnels.all().size() == 1);
}

TEST_CASE("history is bounded per account, the oldest go first") {
  Registries r;
  TunnelRules rules;
  rules.history_per_account = 2;
  r.tunnels = TunnelRegistry(rules);
  for (int number = 1; number <= 4; ++number) {
    REQUIRE(r.create(number).ok());
    r.tunnels.terminate(tunnel_id(number), "test", at(0s));
  }
  CHECK(r.tunnels.find(tunnel_id(1)) == nullptr);
  CHECK(r.tunnels.find(tunnel_id(2)) == nullptr);
  CHECK(r.tunnels.find(tunnel_id(3)) != nullptr);
  CHECK(r.tunnels.take_changes().forgotten == std::vector<TunnelId>{tunnel_id(1), tunnel_id(2)});
}

TEST_CASE("restored tunnels keep their ids and wait for their workers") {
  Registries r;
  r.running(1);
  TunnelState running = r.tunnels.find(tunnel_id(1))->state;
  TunnelState ended = running;
  ended.id = tunnel_id(2);
  ended.status = TunnelStatus::Terminated;

  TunnelRegistry again{TunnelRules{}};
  again.restore(running, at(10min));
  again.restore(ended, at(10min));
  CHECK(again.find(tunnel_id(1))->phase == TunnelPhase::Disconnected);
  CHECK_FALSE(again.find(tunnel_id(1))->state.is_ready);
  CHECK(again.find(tunnel_id(2))->phase == TunnelPhase::Terminated);
  CHECK(again.next_deadline() == at(15min).now);
  again.connection_ready(tunnel_id(1), at(11min));
  CHECK(again.find(tunnel_id(1))->phase == TunnelPhase::Running);
}

}  // namespace
}  // namespace scpool::server
