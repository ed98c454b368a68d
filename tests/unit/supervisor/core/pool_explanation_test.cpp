#include "supervisor/core/pool_explanation.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::supervisor;
using namespace std::chrono_literals;

namespace {

const Instant kNow{10000s};

PoolSnapshot with_worker(WorkerState state) {
  PoolSnapshot pool;
  pool.size = 3;
  WorkerSnapshot worker;
  worker.worker = {{1}, {17}};
  worker.state = state;
  worker.started_at = kNow - 1h;
  worker.since = kNow - 5s;
  worker.reason = {ReasonKind::MaxAge, "24h"};
  worker.next_deadline = kNow + 90s;
  worker.deadline_means = "killed";
  worker.jobs = 2;
  worker.streams = 5;
  pool.workers.push_back(worker);
  return pool;
}

PoolSnapshot with_vacancy(VacancyState state, ExitCause cause) {
  PoolSnapshot pool;
  pool.size = 3;
  pool.vacant.push_back({{1}, state, cause, {"out of luck"}, 3, 3, kNow - 10s, kNow + 40s, false});
  return pool;
}

std::string explain(const PoolSnapshot& pool) {
  PoolPolicy policy;
  policy.memory_limit = 64 * 1024 * 1024;
  return explanation({1}, pool, policy, kNow);
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every state of a worker has its rule, its numbers and its next deadline") {
  const std::pair<WorkerState, const char*> kRules[] = {
      {WorkerState::Starting, "ready within 1m30s"},
      {WorkerState::Ready, "maximum age of 1d0h"},
      {WorkerState::Unhealthy, "not been ready for 1m0s"},
      {WorkerState::Draining, "up to 5m0s"},
      {WorkerState::Stopping, "killed after 10s"}};
  for (const auto& [state, rule] : kRules) {
    const std::string text = explain(with_worker(state));
    CAPTURE(text);
    CHECK(text.starts_with("worker 1.17 is " + std::string(to_text(state)) + " for 5s (max-age"));
    CHECK(contains(text, rule));
    CHECK(contains(text, "killed in 1m30s"));
    CHECK(contains(text, "age 1h0m, 2 jobs, 5 streams"));
    CHECK(contains(text, "of 64.0 MiB"));
  }
}

TEST_CASE("a slot without a worker: what ended it, how the wait is found, when it starts") {
  const std::string backoff = explain(with_vacancy(VacancyState::Backoff, ExitCause::Crash));
  CHECK(contains(backoff, "slot 1 has no worker: backoff for 10s"));
  CHECK(contains(backoff, "at most 1m0s"));
  CHECK(contains(backoff, "crash, 3 failures in a row"));
  CHECK(contains(backoff, "started in 40s"));
  CHECK(contains(backoff, "| out of luck"));
  CHECK(contains(explain(with_vacancy(VacancyState::Backoff, ExitCause::Quota)), "at most 5m0s"));
  CHECK(contains(explain(with_vacancy(VacancyState::Failed, ExitCause::Credentials)),
                 "sc-pool reload"));
  PoolSnapshot alike = with_vacancy(VacancyState::Backoff, ExitCause::Network);
  alike.vacant.front().waits_for_trial = true;
  alike.pool_cause = ExitCause::Network;
  CHECK(contains(explain(alike), "one worker tries for all"));
}

TEST_CASE("what the whole pool is in explains its slots, too") {
  PoolSnapshot pool = with_worker(WorkerState::Unhealthy);
  pool.network_suspected = true;
  pool.workers.front().next_deadline = kNever;
  pool.workers.front().silent_probes = 2;
  CHECK(contains(explain(pool), "the network or the server is suspected"));
  CHECK(contains(explain(pool), "nothing is due"));
  CHECK(contains(explain(pool), "2 probes in a row unanswered"));
  pool.rollout.state = RolloutState::Paused;
  pool.rollout.reason = {ReasonKind::RolloutFailed, "never-ready"};
  pool.rollout.total = 3;
  CHECK(contains(explain(pool), "rollout paused: 0 of 3 replaced (rollout-failed: never-ready)"));
  CHECK(contains(explain(pool), "'sc-pool rollout resume'"));
  PoolSnapshot stopping;
  stopping.shutting_down = true;
  CHECK(contains(explain(stopping), "the pool is stopping"));
}
