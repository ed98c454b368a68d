// The answer of /v1/status as people read it: a headline, one row per slot, what else matters. At
// most 100 columns. Reads JSON, so that it shows any supervisor's answer. Not in the layout's list.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "supervisor/terminal.hpp"

namespace scpool::supervisor {

// The fields that verbs look at.
struct StatusFacts {
  std::string pool;
  std::string state;
  std::uint64_t size = 0;
  std::uint64_t ready = 0;
  std::uint64_t worker_count = 0;  // processes
  std::uint64_t jobs = 0;
  std::uint64_t streams = 0;
  int supervisor_pid = 0;
  std::string log_directory;
  std::string supervisor_log;
  std::string rollout_state;
  std::uint64_t rollout_done = 0;
  std::uint64_t rollout_total = 0;
  std::string rollout_reason;
  std::uint64_t lowest_ready = 0;
  double lost_worker_seconds = 0;
};

// Invalid: not a status of a pool.
Result<StatusFacts> parse_status(const std::string& json);
std::string status_table(const std::string& json, const Terminal& terminal);
// "rollout running: 1 of 3 done, never fewer than 3 ready"
std::string rollout_sentence(const StatusFacts& facts);

}  // namespace scpool::supervisor
