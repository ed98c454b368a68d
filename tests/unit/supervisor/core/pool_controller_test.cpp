#include "supervisor/core/pool_controller.hpp"

#include <doctest/doctest.h>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("a pool starts to full strength and writes its state before each start") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(10s);
  CHECK(pool.view().ready == 3);
  CHECK(pool.workers.size() == 3);
  bool written = false;
  for (const PoolAction& action : pool.log) {
    written = written || std::holds_alternative<WriteState>(action);
    CHECK((written || !std::holds_alternative<StartWorker>(action)));
  }
}

TEST_CASE("events about nobody are legal and do nothing") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(10s);
  const WorkerId nobody{{1}, {999}};
  pool.tell(WorkerExited{nobody, {}, {}});
  ProbeAnswered answer;
  answer.worker = nobody;
  pool.tell(answer);
  pool.tell(ProbeFailed{nobody, ""});
  pool.tell(SpawnFailed{nobody, ExitCause::Resources, ""});
  pool.tell(DrainFinished{nobody});
  pool.tell(TunnelDeleted{{"x"}});
  CHECK(pool.view().ready == 3);
}

TEST_CASE("a killed worker is replaced at once") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  const std::size_t before = pool.starts();
  pool.kill(pool.worker(1)->id);
  CHECK(pool.starts() == before + 1);
  pool.run_for(2s);
  CHECK(pool.view().ready == 3);
}

TEST_CASE("a later supervisor takes back exactly the living") {
  ScriptedPool first({});
  first.start();
  first.run_for(1min);
  const PoolRecord record = first.controller.record();
  ScriptedPool second({}, record);
  second.now = first.now + 5s;
  second.workers = first.workers;
  second.workers.pop_back();
  for (const ScriptedWorker& worker : second.workers) {
    second.tell(WorkerAdopted{worker.id, first.now - 1min, worker.config});
  }
  CHECK(second.starts() == 0);
  second.start();
  CHECK(second.view().ready == 2);
  CHECK(second.starts() == 1);  // for the one that is gone
  second.run_for(10s);
  CHECK(second.view().ready == 3);
  CHECK(second.workers.back().id.generation.value == 4);
}

TEST_CASE("REST that cannot be reached marks the state stale and leaves workers alone") {
  ScriptedPool pool({});
  pool.rest_answers = false;
  pool.start();
  pool.run_for(10min);
  CHECK(pool.view().ready == 3);
  CHECK(pool.view().rest_stale);
  CHECK(pool.count(ReasonKind::RestUnreachable) == 1);
  pool.rest_answers = true;
  pool.run_for(1min);
  CHECK_FALSE(pool.view().rest_stale);
  CHECK(pool.starts() == 3);
}

TEST_CASE("time in which the supervisor stood still is no evidence against workers") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.now += 2h;
  pool.tell(TimerFired{});
  pool.run_for(1min);
  CHECK(pool.starts() == 3);
  CHECK(pool.view().ready == 3);
}

}  // namespace scpool::supervisor
