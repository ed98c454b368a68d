// Workers of this pool among all processes, by the names of their files on their command lines: a
// supervisor that was killed between starting one and writing it down left no other trace of it.
// Not in the layout's list: the last resort of taking workers back.
#pragma once

#include <string>
#include <vector>

#include "supervisor/core/directories.hpp"
#include "supervisor/io/state_file.hpp"

namespace scpool::supervisor {

// Leaders of their session alone, as workers are; what they have started is not counted.
std::vector<KnownProcess> search_workers(const PoolDirectories& directories,
                                         const std::string& pool);

}  // namespace scpool::supervisor
