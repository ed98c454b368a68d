#include "supervisor/core/status_report.hpp"

#include <doctest/doctest.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

using namespace scpool;
using namespace scpool::supervisor;
using namespace std::chrono_literals;

namespace {

StatusReport example() {
  StatusReport report;
  report.pool = "web";
  report.tunnel_name = "web-tunnel";
  report.supervisor_pid = 100;
  report.version = "1.2.3";
  report.now = Instant{1h};
  report.wall_now = wall_time_from_unix(7200);
  report.log_directory = "/var/log/x";
  report.api_address = "127.0.0.1:8032";
  report.snapshot.size = 2;
  report.snapshot.ready = 1;
  report.snapshot.minimum_ready = 2;
  WorkerSnapshot worker;
  worker.worker = {{1}, {7}};
  worker.state = WorkerState::Ready;
  worker.started_at = Instant{30min};
  worker.since = Instant{31min};
  worker.tunnel = TunnelId{"0123456789abcdef0123456789abcdef"};
  worker.jobs = 3;
  worker.streams = 9;
  report.snapshot.workers.push_back(worker);
  VacantSlotSnapshot vacant;
  vacant.slot = {0};
  vacant.state = VacancyState::Backoff;
  vacant.last_cause = ExitCause::Crash;
  vacant.failures = 2;
  vacant.next_start = Instant{1h + 1500ms};
  vacant.last_lines = {"check failed"};
  report.snapshot.vacant.push_back(vacant);
  report.facts[worker.worker] = {
      4711, wall_time_from_unix(5400), "/var/log/x/w.log", "/run/w.sock"};
  LocalFacts local;
  local.user = "local";
  local.ingress_credential = Secret("local;tunnel=web:geheim");
  report.local = local;
  return report;
}

}  // namespace

TEST_CASE("the stable contract: slots in order, numbers in seconds, times in RFC 3339") {
  const auto root = parse_json(status_json(example(), Audience::Owner));
  CHECK(root["pool"] == "web");
  CHECK(root["size"] == 2);
  CHECK(root["ready"] == 1);
  CHECK(root["state"] == "degraded");
  CHECK(root["api_url"] == "http://127.0.0.1:8032");
  CHECK(root["rollout"]["state"] == "idle");
  REQUIRE(root["workers"].size() == 2);
  const auto& vacant = root["workers"][0];
  CHECK(vacant["slot"] == 0);
  CHECK(vacant["state"] == "backoff");
  CHECK(vacant["pid"].is_null());
  CHECK(vacant["next_s"] == 1.5);
  CHECK(vacant["reason"] == "crash");
  const auto& worker = root["workers"][1];
  CHECK(worker["slot"] == 1);
  CHECK(worker["generation"] == 7);
  CHECK(worker["pid"] == 4711);
  CHECK(worker["age_s"] == 1800.0);
  CHECK(worker["started_at"] == "1970-01-01T01:30:00.000Z");
  CHECK(worker["tunnel_id"] == "0123456789abcdef0123456789abcdef");
  CHECK(worker["jobs"] == 3);
  CHECK(root["local"]["ingress_credential"] == "local;tunnel=web:geheim");
}

TEST_CASE("who is not known sees neither secrets nor paths nor output") {
  const std::string text = status_json(example(), Audience::Anybody);
  CHECK(text.find("geheim") == std::string::npos);
  CHECK(text.find("/var/log") == std::string::npos);
  CHECK(text.find("check failed") == std::string::npos);
}

TEST_CASE("a pool's condition and whether it has its minimum") {
  PoolSnapshot pool;
  pool.size = 2;
  pool.minimum_ready = 1;
  CHECK(condition(pool) == PoolCondition::Starting);
  CHECK_FALSE(has_minimum(pool));
  pool.vacant.push_back({});
  pool.vacant.back().state = VacancyState::Failed;
  CHECK(condition(pool) == PoolCondition::Failed);
  pool.ready = 1;
  CHECK(condition(pool) == PoolCondition::Degraded);
  CHECK(has_minimum(pool));
  pool.ready = 2;
  CHECK(condition(pool) == PoolCondition::Ready);
  pool.shutting_down = true;
  CHECK(condition(pool) == PoolCondition::Stopping);
  CHECK_FALSE(has_minimum(pool));
}

TEST_CASE("one line for the service manager") {
  CHECK(status_line(example().snapshot) == "1 of 2 workers ready, 1 in backoff");
}
