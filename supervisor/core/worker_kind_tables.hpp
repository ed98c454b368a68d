// The tables behind worker_kinds: every kind, of one name the newest description first. Used by
// worker_kinds.cpp alone.
#pragma once

#include <vector>

#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {

const std::vector<WorkerKind>& worker_kind_tables();

}  // namespace scpool::supervisor
