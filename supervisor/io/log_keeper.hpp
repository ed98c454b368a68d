// Keeps the log directory small: rotates by size and count, removes logs of past workers by age.
// Touches only files named after the pool. Whoever writes a rotated file is told by the caller.
// Not in the layout's list: rotation is nobody else's business.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/base/time.hpp"

namespace scpool::supervisor {

struct LogRules {
  std::string directory;
  std::string pool;
  std::uint64_t max_size = 0;   // bytes; 0: never rotated
  std::uint64_t keep = 0;       // rotated files of one log
  Duration max_age{};           // of logs of past workers; 0: never removed
  std::uint64_t max_total = 0;  // bytes of all logs; 0: no limit
};

class LogKeeper {
 public:
  explicit LogKeeper(LogRules rules) : rules_(std::move(rules)) {}

  // PATH becomes PATH.1, that PATH.2 ...; the last one beyond `keep` goes. False: not large enough.
  bool rotate_if_large(const std::string& path) const;
  // Logs of workers, rotated ones too, unless they are of a log in `current`.
  void remove_old(const std::set<std::string>& current, WallTime now) const;
  // Removes the oldest logs until all are within `max_total`; those in `current` and the
  // supervisor's own stay, their rotated ones may go.
  void limit_total(const std::set<std::string>& current) const;

 private:
  struct File {
    std::string path;
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // unix seconds
  };

  bool is_worker_log(const std::string& name) const;
  // The logs of workers and supervisor, rotated ones too.
  std::vector<File> files() const;

  LogRules rules_;
};

}  // namespace scpool::supervisor
