// Waits for the end of a process that is not our child, by a pidfd: the number cannot come to mean
// another process meanwhile. For verbs that wait, outside any loop. Not in the layout's list.
#pragma once

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace scpool::supervisor {

class ProcessWatch {
 public:
  // NotFound: there is no such process.
  static Result<ProcessWatch> open(int pid);
  ProcessWatch(ProcessWatch&& other) noexcept;
  ProcessWatch& operator=(ProcessWatch&&) = delete;
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;
  ~ProcessWatch();

  // True once it has ended; waits for that at most `limit`.
  bool ended_within(Duration limit) const;

 private:
  explicit ProcessWatch(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// For verbs that ask again after a while; a signal ends the wait early.
void pause_for(Duration time);

}  // namespace scpool::supervisor
