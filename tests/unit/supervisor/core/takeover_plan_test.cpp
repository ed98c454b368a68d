#include "supervisor/core/takeover_plan.hpp"

#include <doctest/doctest.h>

#include "tests/support/scripted_pool.hpp"

using namespace scpool;
using namespace scpool::supervisor;

namespace {

TakeoverQuestion question_of(const ScriptedPool& pool, const PoolPolicy& policy) {
  TakeoverQuestion question;
  question.policy = policy;
  question.config = {7};
  question.record = pool.controller.record();
  for (const ScriptedWorker& worker : pool.workers) {
    question.living.push_back(worker.id);
  }
  question.now = pool.now;
  return question;
}

PoolPolicy policy_of_two() {
  PoolPolicy policy;
  policy.size = 2;
  return policy;
}

}  // namespace

TEST_CASE("a healthy pool is kept as it is") {
  ScriptedPool pool(policy_of_two());
  pool.start();
  pool.run_for(10s);
  const auto plan = takeover_plan(question_of(pool, policy_of_two()));
  CHECK(plan == std::vector<std::string>{"size 2", "worker 0.1 ready", "worker 1.2 ready"});
}

TEST_CASE("what would be done first is part of the plan") {
  ScriptedPool pool(policy_of_two());
  pool.start();
  pool.run_for(10s);
  TakeoverQuestion question = question_of(pool, policy_of_two());
  const auto before = takeover_plan(question);
  question.config = {8};  // workers of an older configuration
  const auto changed = takeover_plan(question);
  CHECK(disagreement(before, changed) ==
        "where this one plans 'worker 1.2 ready', it plans 'worker 0.3 starting'");
  question.config = {7};
  question.living.pop_back();
  const auto fewer = takeover_plan(question);
  CHECK(disagreement(before, fewer) ==
        "where this one plans 'worker 1.2 ready', it plans 'worker 1.3 starting'");
}

TEST_CASE("those who agree have nothing to say") {
  ScriptedPool pool(policy_of_two());
  pool.start();
  const TakeoverQuestion question = question_of(pool, policy_of_two());
  CHECK(disagreement(takeover_plan(question), takeover_plan(question)).empty());
  CHECK(disagreement(takeover_plan(question), std::vector<std::string>{}) ==
        "where this one plans 'size 2', it plans nothing more");
}
