#include <doctest/doctest.h>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("a hung worker is killed and replaced, the others are not touched") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  const WorkerId hung = pool.worker(1)->id;
  pool.worker(1)->conduct = Conduct::Silent;
  pool.run_for(30s);
  CHECK(pool.view().ready == 3);
  CHECK(pool.starts() == 4);
  CHECK(pool.worker(1)->id != hung);
}

TEST_CASE("when everything hangs at once nothing is killed, but one new worker is tried") {
  PoolPolicy policy;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(1min);
  for (ScriptedWorker& worker : pool.workers) {
    worker.conduct = Conduct::Silent;
  }
  pool.run_for(1min);
  CHECK(pool.view().network_suspected);
  CHECK(pool.starts() == 3);
  pool.run_for(policy.suspicion_limit + 2min);
  CHECK(pool.view().ready == 3);  // the trial worked: it was not the network
}

TEST_CASE("a network that is down ends no worker, and its return gives each its whole time") {
  for (const std::uint32_t size : {1U, 3U}) {
    CAPTURE(size);
    PoolPolicy policy;
    policy.size = size;
    ScriptedPool pool(policy);
    pool.start();
    pool.run_for(1min);
    pool.rest_answers = false;
    pool.run_for(1min);
    for (ScriptedWorker& worker : pool.workers) {
      worker.conduct = Conduct::SaysUnready;
    }
    pool.run_for(policy.suspicion_limit + policy.unready_tolerance);
    CHECK(pool.view().network_suspected);
    CHECK(pool.view().workers.at(0).next_deadline == kNever);
    CHECK(pool.controller.explain({0}, pool.now).find("suspected") != std::string::npos);
    pool.rest_answers = true;
    pool.worker(0)->conduct = Conduct::Serves;
    pool.run_for(policy.unready_tolerance / 2);
    CHECK_FALSE(pool.view().network_suspected);
    for (ScriptedWorker& worker : pool.workers) {
      worker.conduct = Conduct::Serves;
    }
    pool.run_for(2 * policy.unready_tolerance);
    CHECK(pool.view().ready == size);
    CHECK(pool.starts() == size);
  }
}

TEST_CASE(
    "while the server is silent no unready worker is replaced: a new one could not register") {
  PoolPolicy policy;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(1min);
  pool.rest_answers = false;
  pool.run_for(1min);
  pool.worker(1)->conduct = Conduct::SaysUnready;
  pool.run_for(3 * policy.unready_tolerance);
  CHECK(pool.starts() == 3);
  pool.rest_answers = true;
  pool.run_for(3 * policy.unready_tolerance);
  CHECK(pool.starts() == 4);
}

TEST_CASE("when workers are ready again the server is asked soon, not with the next period") {
  PoolPolicy policy;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(2 * policy.rest_period);
  for (ScriptedWorker& worker : pool.workers) {
    worker.ready_at = pool.now + policy.rest_period + 1s;  // the next list shows it not ready
  }
  pool.run_for(policy.rest_period + 900ms);
  CHECK(pool.view().ready == 0);
  CHECK(pool.view().workers.at(0).server_ready == false);
  pool.run_for(policy.probe_period + 3s);
  CHECK(pool.view().ready == 3);
  CHECK(pool.starts() == 3);
}

TEST_CASE("a worker that is never ready is given up and its slot backs off") {
  PoolPolicy policy;
  policy.size = 1;
  ScriptedPool pool(policy);
  pool.next_conduct = Conduct::NeverReady;
  pool.start();
  pool.run_for(policy.start_timeout + 1ms);
  CHECK(pool.view().vacant.at(0).last_cause == ExitCause::NeverReady);
  pool.next_conduct = Conduct::Serves;
  pool.run_for(1min);
  CHECK(pool.view().ready == 1);
}

TEST_CASE("a cause in several slots lets one try for all") {
  ScriptedPool pool({});
  pool.next_conduct = Conduct::NeverReady;
  pool.start();
  pool.run_for(1ms);
  const WorkerExit refused{WorkerExit::How::Exited, 1, 0, false};
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    pool.end(pool.worker(slot)->id, refused, "dial: connection refused");
  }
  CHECK(pool.view().pool_cause == ExitCause::Network);
  for (int i = 0; i < 20; ++i) {
    pool.run_for(1s);
    CHECK(pool.workers.size() <= 1);
    if (!pool.workers.empty()) {
      pool.end(pool.workers.front().id, refused, "dial: connection refused");
    }
  }
  pool.next_conduct = Conduct::Serves;
  pool.run_for(3min);
  CHECK(pool.view().ready == 3);
  CHECK_FALSE(pool.view().pool_cause);
}

}  // namespace scpool::supervisor
