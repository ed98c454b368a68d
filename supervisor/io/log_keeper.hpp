// Keeps the log directory small: rotates by size and count, removes logs of past workers by age.
// Touches only files named after the pool. Whoever writes a rotated file is told by the caller.
// Not in the layout's list: rotation is nobody else's business.
#pragma once

#include <set>
#include <string>

#include "common/base/time.hpp"

namespace scpool::supervisor {

struct LogRules {
  std::string directory;
  std::string pool;
  std::uint64_t max_size = 0;  // bytes; 0: never rotated
  std::uint64_t keep = 0;      // rotated files of one log
  Duration max_age{};          // of logs of past workers; 0: never removed
};

class LogKeeper {
 public:
  explicit LogKeeper(LogRules rules) : rules_(std::move(rules)) {}

  // PATH becomes PATH.1, that PATH.2 ...; the last one beyond `keep` goes. False: not large enough.
  bool rotate_if_large(const std::string& path) const;
  // Logs of workers, rotated ones too, unless they are of a log in `current`.
  void remove_old(const std::set<std::string>& current, WallTime now) const;

 private:
  bool is_worker_log(const std::string& name) const;

  LogRules rules_;
};

}  // namespace scpool::supervisor
