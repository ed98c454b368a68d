#include "supervisor/core/plan_preview.hpp"

#include <doctest/doctest.h>

#include "supervisor/core/pool_config.hpp"
#include "tests/support/scripted_pool.hpp"

namespace scpool::supervisor {
namespace {

Preview preview_of(const ScriptedPool& pool, const PoolPolicy& policy, PoolEvent wish) {
  PreviewQuestion question;
  question.pool.policy = policy;
  question.pool.config = {7};
  question.pool.record = pool.controller.record();
  for (const ScriptedWorker& worker : pool.workers) {
    question.pool.living.push_back(worker.id);
  }
  question.pool.now = pool.now;
  question.wish = std::move(wish);
  question.start_time = pool.boot_time;
  return preview(question);
}

// "+2.17" for a start, "-2.5" for a drain, in order.
std::vector<std::string> lines_of(const Preview& plan) {
  std::vector<std::string> lines;
  for (const PreviewStep& step : plan.steps) {
    lines.push_back((step.starts ? "+" : "-") + to_text(step.worker) + " " + to_text(step.reason));
  }
  return lines;
}

std::vector<std::string> deeds_of(const ScriptedPool& pool, std::size_t from) {
  std::vector<std::string> lines;
  for (std::size_t i = from; i < pool.log.size(); ++i) {
    if (const auto* start = std::get_if<StartWorker>(&pool.log[i])) {
      lines.push_back("+" + to_text(start->worker) + " " + to_text(start->reason));
    } else if (const auto* drain = std::get_if<DrainWorker>(&pool.log[i])) {
      lines.push_back("-" + to_text(drain->worker) + " " + to_text(drain->reason));
    }
  }
  return lines;
}

PoolPolicy policy_of(std::uint32_t size) {
  PoolPolicy policy;
  policy.size = size;
  return policy;
}

// What was planned is what is then done.
Preview compare(PoolPolicy before, const PoolPolicy& after, const PoolEvent& wish) {
  ScriptedPool pool(before);
  pool.start();
  pool.run_for(1min);
  const Preview plan = preview_of(pool, before, wish);
  const std::size_t from = pool.log.size();
  pool.tell(wish);
  std::uint32_t lowest = pool.view().ready;
  for (int i = 0; i < 3000; ++i) {
    pool.run_for(100ms);
    lowest = std::min(lowest, pool.view().ready);
  }
  CHECK(lines_of(plan) == deeds_of(pool, from));
  CHECK(plan.lowest_ready == lowest);
  CHECK(plan.size == after.size);
  CHECK(plan.comes_to_rest);
  return plan;
}

}  // namespace

TEST_CASE("a rolling restart is done as it was planned") {
  const Preview plan =
      compare(policy_of(3), policy_of(3), RestartRequested{Instant{2h}, {}, RestartStyle::Rolling});
  CHECK(plan.steps.size() == 6);
  CHECK(plan.lowest_ready == 3);
  CHECK(plan.most_workers == 4);
  CHECK(plan.takes >= 15s);  // three times min_ready_time
}

TEST_CASE("so is one of some slots, one that waits for nothing new, and one without room above") {
  compare(policy_of(3), policy_of(3), RestartRequested{Instant{2h}, {{1}}, RestartStyle::Rolling});
  CHECK(compare(policy_of(2), policy_of(2), RestartRequested{Instant{}, {}, RestartStyle::Rolling})
            .steps.empty());
  PoolPolicy tight = policy_of(3);
  tight.max_surge = 0;
  tight.max_unavailable = 1;
  const Preview plan =
      compare(tight, tight, RestartRequested{Instant{2h}, {}, RestartStyle::Rolling});
  CHECK(plan.lowest_ready == 2);
}

TEST_CASE("a new size and a new configuration are done as they were planned") {
  CHECK(compare(policy_of(2), policy_of(5), ScaleRequested{5}).steps.size() == 3);
  CHECK(compare(policy_of(4), policy_of(1), ScaleRequested{1}).steps.size() == 3);
  const Preview plan = compare(policy_of(3), policy_of(2), ConfigChanged{policy_of(2), {8}});
  CHECK(plan.steps.size() == 5);
  CHECK(plan.takes >= 30s);  // the first worker of a configuration has to prove itself
}

TEST_CASE("settings that differ are told with what it takes to apply them") {
  const auto changed = changed_settings("pool.size: 3   # default\nworker.log_level: info   # x\n",
                                        "pool.size: 4   # file:2\nworker.log_level: debug   # y\n");
  REQUIRE(changed.size() == 2);
  CHECK(changed[0].key == "pool.size");
  CHECK(changed[0].from == "3");
  CHECK(changed[0].to == "4");
  CHECK_FALSE(changed[0].needs_new_workers);
  CHECK(changed[1].needs_new_workers);
  CHECK(changed_settings("a: 1   # x\n", "a: 1   # y\n").empty());
  const std::string json = preview_json({}, changed);
  CHECK(json.find("\"applied\": \"by new workers\"") != std::string::npos);
}

}  // namespace scpool::supervisor
