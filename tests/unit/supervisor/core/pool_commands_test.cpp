#include <doctest/doctest.h>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("scaling up adds, scaling down drains") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(10s);
  pool.tell(ScaleRequested{5});
  pool.run_for(10s);
  CHECK(pool.view().ready == 5);
  CHECK(pool.controller.record().size == 5);
  pool.tell(ScaleRequested{2});
  pool.run_for(10s);
  CHECK(pool.workers.size() == 2);
  CHECK(pool.view().size == 2);
}

TEST_CASE("down drains everyone, then says it is finished") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(10s);
  pool.tell(ShutdownRequested{StopUrgency::Drain});
  CHECK(pool.workers.empty());
  CHECK(pool.controller.finished());
  CHECK(std::holds_alternative<FinishShutdown>(pool.log.back()));
  CHECK(pool.controller.next_deadline() == kNever);
}

TEST_CASE("a worker that ignores everything is killed at the end of each wait") {
  PoolPolicy policy;
  policy.size = 1;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(10s);
  pool.workers.front().conduct = Conduct::IgnoresSignals;
  pool.tell(ShutdownRequested{StopUrgency::Drain});
  CHECK_FALSE(pool.controller.finished());
  pool.run_for(policy.drain_timeout + policy.stop_grace + 1s);
  CHECK(pool.controller.finished());
}

TEST_CASE("asked a second time, down does not wait for jobs") {
  ScriptedPool pool({});
  pool.drains_at_once = false;
  pool.start();
  pool.run_for(10s);
  pool.tell(ShutdownRequested{StopUrgency::Drain});
  CHECK(pool.workers.size() == 3);
  pool.tell(ShutdownRequested{StopUrgency::Drain});
  CHECK(pool.workers.empty());
}

TEST_CASE("a new configuration sends one canary first; when it fails the old one goes on serving") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.next_conduct = Conduct::NeverReady;
  pool.tell(ConfigChanged{PoolPolicy{}, ConfigHash{8}});
  pool.run_for(10min);
  CHECK(pool.view().rollout.state == RolloutState::Paused);
  CHECK(pool.view().rollout.ledger.lowest_ready == 3);
  CHECK(pool.view().ready == 3);
  pool.next_conduct = Conduct::Serves;
  pool.kill(pool.worker(0)->id);
  pool.run_for(10s);
  CHECK(pool.worker(0)->config == ConfigHash{7});  // not with what has failed
  pool.tell(RolloutCommanded{RolloutCommand::Resume});
  pool.run_for(10min);
  CHECK(pool.view().rollout.state == RolloutState::Idle);
  for (const ScriptedWorker& worker : pool.workers) {
    CHECK(worker.config == ConfigHash{8});
  }
}

TEST_CASE("a restart at once and a drain do what they are told") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.tell(DrainRequested{{1}});
  pool.run_for(10s);
  CHECK(pool.starts() == 4);
  pool.tell(RestartRequested{pool.now, {}, RestartStyle::AtOnce});
  pool.run_for(10s);
  CHECK(pool.starts() == 7);
  CHECK(pool.view().ready == 3);
}

}  // namespace scpool::supervisor
