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
