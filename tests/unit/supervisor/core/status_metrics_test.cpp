#include <doctest/doctest.h>

#include <set>

#include "common/base/text.hpp"
#include "supervisor/core/status_report.hpp"

using namespace scpool;
using namespace scpool::supervisor;
using namespace std::chrono_literals;

namespace {

WorkerSnapshot worker(std::uint32_t slot, std::uint64_t generation, WorkerState state) {
  WorkerSnapshot snapshot;
  snapshot.worker = {{slot}, {generation}};
  snapshot.state = state;
  snapshot.streams = static_cast<std::uint32_t>(generation);
  return snapshot;
}

StatusReport example() {
  StatusReport report;
  report.pool = "a\"b";
  report.version = "1.2.3";
  report.now = Instant{100s};
  report.max_age = 24h;
  report.snapshot.size = 3;
  report.snapshot.ready = 1;
  // Slot 1: two that leave, one that comes, one that serves.
  report.snapshot.workers = {worker(1, 3, WorkerState::Draining),
                             worker(1, 4, WorkerState::Stopping),
                             worker(1, 7, WorkerState::Ready),
                             worker(1, 8, WorkerState::Starting)};
  report.snapshot.workers[3].replacement = true;
  VacantSlotSnapshot vacant;
  vacant.state = VacancyState::Failed;
  report.snapshot.vacant.push_back(vacant);
  report.snapshot.rollout.state = RolloutState::Paused;
  report.workers_started = 5;
  report.workers_ended["crash"] = 3;
  return report;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("metrics tell strength, states, ends by cause and what runs in each slot") {
  const std::string text = status_metrics(example());
  for (const char* line : {"sc_pool_size 3\n",
                           "sc_pool_ready 1\n",
                           "sc_pool_workers{state=\"ready\"} 1\n",
                           "sc_pool_workers{state=\"unhealthy\"} 0\n",
                           "sc_pool_slot_state{slot=\"0\",state=\"failed\"} 1\n",
                           "sc_pool_slot_state{slot=\"1\",state=\"ready\"} 1\n",
                           "sc_pool_slot_state{slot=\"1\",state=\"draining\"} 0\n",
                           "sc_pool_slot_state{slot=\"2\",state=\"empty\"} 1\n",
                           "sc_pool_vacant_slots 1\n",
                           "sc_pool_workers_started_total 5\n",
                           "sc_pool_restarts_total{cause=\"crash\"} 3\n",
                           "sc_pool_restarts_total{cause=\"hang\"} 0\n",
                           "sc_pool_rollout_state{state=\"paused\"} 1\n",
                           "sc_pool_worker_max_age_seconds 86400\n",
                           "sc_pool_worker_age_seconds{slot=\"1\",role=\"serving\"} 100\n",
                           "sc_pool_worker_streams{slot=\"1\",role=\"serving\"} 7\n",
                           "sc_pool_worker_streams{slot=\"1\",role=\"replacement\"} 8\n",
                           "sc_pool_worker_streams{slot=\"1\",role=\"leaving\"} 7\n",
                           "pool=\"a\\\"b\""}) {
    CAPTURE(line);
    CHECK(contains(text, line));
  }
}

TEST_CASE("no sample comes twice, and no label grows with time") {
  PoolFigures figures(Instant{});
  figures.note(ProbeAnswered{}, Instant{});
  StatusReport report = example();
  report.figures = &figures;
  const std::string text = status_metrics(report);
  std::set<std::string> seen;
  for (const std::string_view line : split(text, '\n')) {
    const std::string name(line.substr(0, line.rfind(' ')));
    if (!line.empty() && !line.starts_with("#")) {
      CAPTURE(name);
      CHECK(seen.insert(name).second);
    }
  }
  CHECK(seen.size() > 60);
  CHECK_FALSE(contains(text, "generation="));
  CHECK(contains(text, "sc_pool_probe_duration_seconds_bucket{le=\"+Inf\"} 0\n"));
  CHECK(contains(text, "sc_pool_sent_bytes_total{slot=\"0\"} 0\n"));
}
