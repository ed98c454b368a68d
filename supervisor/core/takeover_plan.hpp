// What a supervisor would do first with a pool that it takes over, as lines of text: two programs
// that read the same state agree when their lines are the same. Performs nothing.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_record.hpp"

namespace scpool::supervisor {

struct TakeoverQuestion {
  PoolPolicy policy;
  ConfigHash config;
  PoolRecord record;
  std::vector<WorkerId> living;  // of the record's workers
  Instant now;
};

// One line a worker ("worker 2.17 ready"), then one a deed ("start-worker 2.18: max-age").
std::vector<std::string> takeover_plan(const TakeoverQuestion& question);

// The first line in which they differ, as a sentence; empty: they agree.
std::string disagreement(std::span<const std::string> ours, std::span<const std::string> theirs);

}  // namespace scpool::supervisor
