// The step from a plan to a running child, between fork and exec. Extra to the layout because code
// in a child that shares our memory has rules of its own: no allocation, no locks, system calls
// only. For child_process alone.
#pragma once

#include "common/base/result.hpp"
#include "common/io/child_process.hpp"

namespace scpool {

// The new child's pid; when this fails there is no child.
Result<int> start_process(const SpawnPlan& plan);

}  // namespace scpool
