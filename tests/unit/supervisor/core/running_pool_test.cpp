#include "supervisor/core/running_pool.hpp"

#include <doctest/doctest.h>

#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {

TEST_CASE("a status is read back as far as it is needed") {
  StatusReport report;
  report.pool = "shop";
  report.tunnel_name = "shop-tunnel";
  report.supervisor_pid = 12;
  report.config_file = "/etc/sc-pool/shop.toml";
  report.api_address = "127.0.0.1:8032";
  report.snapshot.size = 2;
  report.snapshot.ready = 1;
  WorkerSnapshot worker;
  worker.worker = {SlotIndex{0}, Generation{9}};
  worker.state = WorkerState::Ready;
  worker.tunnel = TunnelId{"abc"};
  report.snapshot.workers = {worker};
  report.facts[worker.worker] = {34, WallTime{}, "", ""};
  report.snapshot.vacant.emplace_back().slot = SlotIndex{1};
  report.local =
      LocalFacts{"https://localhost:1/rest/v1", "/ca", "local", "/key", "http://i", "", {}};
  const auto pool = read_running_pool(status_json(report, Audience::Owner));
  REQUIRE(pool.ok());
  CHECK(pool.value().name == "shop");
  CHECK(pool.value().tunnel_name == "shop-tunnel");
  CHECK(pool.value().size == 2);
  CHECK(pool.value().ready == 1);
  CHECK(pool.value().supervisor_pid == 12);
  CHECK(pool.value().config_file == "/etc/sc-pool/shop.toml");
  CHECK(pool.value().api_address == "127.0.0.1:8032");
  REQUIRE(pool.value().workers.size() == 1);
  CHECK(pool.value().workers[0].worker == worker.worker);
  CHECK(pool.value().workers[0].pid == 34);
  CHECK(pool.value().workers[0].state == "ready");
  CHECK(pool.value().workers[0].tunnel == worker.tunnel);
  REQUIRE(pool.value().server.has_value());
  CHECK(pool.value().server->ingress_url == "http://i");
}

TEST_CASE("what is no status is refused") {
  CHECK_FALSE(read_running_pool("<html>").ok());
  CHECK_FALSE(read_running_pool("{}").ok());
  CHECK(read_running_pool(R"({"workers": [{"slot": "x"}, 3]})").ok());
}

}  // namespace scpool::supervisor
