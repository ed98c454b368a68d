// How a process ended, as the kernel tells it. For child_process alone; extra to the layout because
// the kernel has one way for children and another for everybody else.
#pragma once

#include <optional>

#include "common/io/child_process.hpp"

namespace scpool {

// Reaps the child of that pid, or by its pidfd when it is valid; nothing while it runs.
std::optional<ProcessExit> take_end(int pid, int pidfd);

// Of a process that is not our child.
struct StrangersEnd {
  // False: nobody will tell (kernels before 6.15, and its parent was quick); do not ask again.
  bool may_come = false;
  // Nothing yet: its parent is taking it at this moment.
  std::optional<ProcessExit> end;
};
StrangersEnd end_of_stranger(int pidfd, const ProcessIdentity& identity);

// The process that a pidfd means: nothing when it is no pidfd, -1 when that process is gone.
std::optional<int> pid_of(int pidfd);

}  // namespace scpool
