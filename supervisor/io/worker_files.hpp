// The files of one worker, all named after pool, slot and generation, and what such names tell.
// Not in the layout's list: whoever starts a worker and whoever looks at leftovers share the names.
#pragma once

#include <set>
#include <string>

#include "common/base/ids.hpp"
#include "supervisor/core/directories.hpp"

namespace scpool::supervisor {

// "<pool>-<slot>.<generation>.{log,pid,ready,sock}".
struct WorkerFiles {
  std::string log;
  std::string pid_file;
  std::string ready_file;
  std::string socket;
};
WorkerFiles worker_files(const PoolDirectories& directories,
                         const std::string& pool,
                         WorkerId worker);

// The highest generation that any file of the pool bears: a full disk may have kept the state file
// from being written. 0: none.
std::uint64_t highest_generation(const PoolDirectories& directories, const std::string& pool);

// Pid files, ready files and sockets of the pool's workers that are not `living`: of one that ended
// just before its supervisor did.
void remove_stale_run_files(const PoolDirectories& directories,
                            const std::string& pool,
                            const std::set<WorkerId>& living);

}  // namespace scpool::supervisor
