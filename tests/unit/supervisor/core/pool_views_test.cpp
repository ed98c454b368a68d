#include <doctest/doctest.h>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("the snapshot shows workers by slot, and vacant slots with their cause") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.next_conduct = Conduct::NeverReady;
  pool.end(pool.worker(1)->id, {WorkerExit::How::Exited, 1, 0, false}, "401 Unauthorized");
  const PoolSnapshot view = pool.view();
  CHECK(view.ready == 2);
  CHECK(view.minimum_ready == 3);
  REQUIRE(view.workers.size() == 2);
  CHECK(view.workers[0].worker.slot < view.workers[1].worker.slot);
  CHECK(view.workers[0].tunnel == TunnelId{"t0.1"});
  REQUIRE(view.vacant.size() == 1);
  CHECK(view.vacant[0].state == VacancyState::Failed);
  CHECK(view.vacant[0].last_cause == ExitCause::Credentials);
  CHECK(view.vacant[0].last_lines.at(0) == "401 Unauthorized");
}

TEST_CASE("failures from before the start still count, but are none of this start") {
  ScriptedPool first({});
  first.start();
  first.run_for(1min);
  PoolRecord record = first.controller.record();
  record.slots.at(0).failures = 2;
  record.slots.at(0).last_cause = ExitCause::Crash;
  ScriptedPool second({}, record);
  second.now = first.now + 5s;
  second.next_conduct = Conduct::NeverReady;
  second.start();  // all workers are gone
  const PoolSnapshot at_start = second.view();
  REQUIRE(!at_start.vacant.empty());
  CHECK(at_start.vacant[0].state == VacancyState::Backoff);
  CHECK(at_start.vacant[0].failures == 3);
  CHECK(at_start.vacant[0].new_failures == 0);
  CHECK(second.controller.explain({0}, second.now).find("unknown, 3 failures in a row") !=
        std::string::npos);
  for (int i = 0; i < 120 && second.worker(0) == nullptr; ++i) {
    second.run_for(1s);
  }
  REQUIRE(second.worker(0) != nullptr);
  second.kill(second.worker(0)->id);
  const PoolSnapshot later = second.view();
  REQUIRE(!later.vacant.empty());
  CHECK(later.vacant[0].new_failures == later.vacant[0].failures - 3);
  CHECK(later.vacant[0].new_failures > 0);
}

TEST_CASE("each slot can be explained") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  CHECK(pool.controller.explain({0}, pool.now).find("worker 0.1 is ready for 59s") == 0);
  pool.end(pool.worker(1)->id, {WorkerExit::How::Exited, 1, 0, false}, "401 Unauthorized");
  const std::string text = pool.controller.explain({1}, pool.now);
  CHECK(text.find("failed") != std::string::npos);
  CHECK(text.find("credentials") != std::string::npos);
  CHECK(text.find("| 401 Unauthorized") != std::string::npos);
  CHECK(pool.controller.explain({9}, pool.now).empty());
}

TEST_CASE("the record of a pool restores it") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  const PoolRecord record = pool.controller.record();
  CHECK(record.next_generation == 4);
  CHECK(record.workers.size() == 3);
  CHECK(record.size == 0);
  CHECK_FALSE(record.shutting_down);
  CHECK(record.proven_config == ConfigHash{7});
}

}  // namespace scpool::supervisor
