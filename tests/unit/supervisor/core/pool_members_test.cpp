#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {

TEST_CASE("ages are spread, so that the pool is never restarted at once") {
  PoolPolicy policy;
  policy.size = 4;
  ScriptedPool pool(policy);
  pool.start();
  pool.run_for(1min);
  std::vector<Instant> turns;
  for (const WorkerRecord& worker : pool.controller.record().workers) {
    turns.push_back(worker.retire_at);
    CHECK(worker.retire_at <= worker.started_at + policy.max_age);
    CHECK(worker.retire_at >= worker.started_at + policy.max_age / 2);
  }
  std::sort(turns.begin(), turns.end());
  for (std::size_t i = 1; i < turns.size(); ++i) {
    CHECK(turns[i] - turns[i - 1] >= policy.max_age / 16);
  }
  pool.run_for(48h);
  CHECK(pool.view().ready == 4);
  CHECK(pool.starts() >= 8);
}

TEST_CASE("a worker that ends cleanly deletes its tunnel itself") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  pool.tell(DrainRequested{{1}});
  pool.run_for(1min);
  CHECK(pool.starts() == 4);
  CHECK(std::none_of(pool.log.begin(), pool.log.end(), [](const PoolAction& action) {
    return std::holds_alternative<DeleteTunnel>(action);
  }));
}

TEST_CASE("what a dead worker leaves on the server is deleted") {
  ScriptedPool pool({});
  pool.start();
  pool.run_for(1min);
  const WorkerId dead = pool.worker(2)->id;
  pool.kill(dead);
  const bool deleted = std::any_of(pool.log.begin(), pool.log.end(), [&](const PoolAction& action) {
    const auto* todo = std::get_if<DeleteTunnel>(&action);
    return todo != nullptr && todo->tunnel.value == "t" + to_text(dead);
  });
  CHECK(deleted);
}

}  // namespace scpool::supervisor
