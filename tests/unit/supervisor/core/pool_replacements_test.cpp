#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("a rolling restart never goes below the size and never above size and surge") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  for (int i = 0; i < 600; ++i) {
    pool.run_for(100ms);
    CHECK(pool.view().ready >= 3);
    CHECK(pool.view().active <= 4);
  }
  CHECK(pool.starts() == 6);
  CHECK(pool.view().rollout.state == RolloutState::Idle);
  CHECK(pool.view().rollout.ledger.lowest_ready == 3);
  CHECK(pool.view().rollout.ledger.lost_worker_seconds == 0.0);
  CHECK(pool.count(ReasonKind::RolloutDone) == 1);
}

TEST_CASE("a restart is a wished state: asked twice for the same time it happens once") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  const Instant before = pool.now;
  pool.tell(RestartRequested{before, {}, RestartStyle::Rolling});
  pool.run_for(8s);
  pool.tell(RestartRequested{before, {}, RestartStyle::Rolling});
  pool.run_for(2min);
  pool.tell(RestartRequested{before, {}, RestartStyle::Rolling});
  pool.run_for(2min);
  CHECK(pool.starts() == 6);
}

TEST_CASE("when the account has no room for a surge, one goes before the next comes") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.next_conduct = Conduct::NeverReady;
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  const auto surge = std::find_if(pool.workers.begin(), pool.workers.end(), [](const auto& worker) {
    return worker.conduct == Conduct::NeverReady;
  });
  REQUIRE(surge != pool.workers.end());
  pool.next_conduct = Conduct::Serves;
  pool.end(
      surge->id, {WorkerExit::How::Exited, 1, 0, false}, "Too many active org tunnels: 4 >= 3");
  std::uint32_t lowest = 3;
  for (int i = 0; i < 600; ++i) {
    pool.run_for(100ms);
    lowest = std::min(lowest, pool.view().ready);
    CHECK(pool.workers.size() <= 4);
  }
  CHECK(lowest == 2);
  CHECK(pool.view().ready == 3);
  CHECK(pool.view().rollout.state == RolloutState::Idle);
}

TEST_CASE("without room for a surge the last one that serves waits for those that leave") {
  PoolPolicy policy;
  policy.size = 2;
  policy.max_surge = 0;
  policy.max_unavailable = 1;
  ScriptedPool pool(policy);
  pool.drains_at_once = false;
  pool.start();
  pool.run_for(1min);
  pool.tell(DrainRequested{{0}});  // somebody asked for this one
  pool.next_conduct = Conduct::NeverReady;
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  for (int i = 0; i < 200; ++i) {
    pool.run_for(100ms);
    CHECK(pool.view().ready >= 1);
  }
}

TEST_CASE("a rollout that gets nowhere is paused and says why") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  for (ScriptedWorker& worker : pool.workers) {
    worker.conduct = Conduct::SaysUnready;
  }
  pool.next_conduct = Conduct::NeverReady;
  pool.run_for(30s);
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  pool.run_for(14min);
  CHECK(pool.view().rollout.state == RolloutState::Running);
  pool.run_for(2min);
  CHECK(pool.view().rollout.state == RolloutState::Paused);
  CHECK(pool.view().rollout.reason.detail.find("no progress for 15m") != std::string::npos);
  CHECK(pool.workers.size() >= 3);
}

TEST_CASE("a replacement that an earlier wish began does not stop a later one by its failure") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.next_conduct = Conduct::NeverReady;
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  const WorkerId early = pool.workers.back().id;
  pool.run_for(5s);
  pool.next_conduct = Conduct::Serves;
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::Rolling});
  pool.kill(early);
  CHECK(pool.view().rollout.state == RolloutState::Running);
  pool.run_for(2min);
  CHECK(pool.view().rollout.state == RolloutState::Idle);
  CHECK(pool.count(ReasonKind::RolloutFailed) == 0);
  CHECK(pool.view().ready == 3);
}

TEST_CASE("a worker that grows too large is replaced") {
  PoolPolicy policy;
  policy.memory_limit = 1000;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(1min);
  ProbeAnswered big;
  big.worker = pool.worker(0)->id;
  big.ready = true;
  big.tunnel = {"t" + to_text(big.worker)};
  big.memory = 2000;
  pool.tell(big);
  CHECK(pool.starts() == 4);
}

TEST_CASE("a worker that says it is not ready for long is replaced, its place never empty") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.worker(0)->conduct = Conduct::SaysUnready;
  pool.run_for(10s);
  CHECK(pool.view().ready == 2);
  CHECK(pool.starts() == 3);
  pool.run_for(2min);
  CHECK(pool.view().ready == 3);
  CHECK(pool.starts() == 4);
}

}  // namespace scpool::supervisor
