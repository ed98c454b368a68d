// From a configuration to what one worker is started with: which description of its kind fits the
// installed program, the facts of its command line, a free port for its API. Not in the layout's
// list: what supervisor, `config show` and `doctor` share.
#pragma once

#include <string>

#include "supervisor/core/pool_config.hpp"
#include "supervisor/io/tunnel_directory.hpp"
#include "supervisor/io/worker_process.hpp"

namespace scpool::supervisor {

// What workers are started with; the account as supervisor and workers use it.
struct LaunchConfig {
  PoolConfig config;
  RestAccount account;
  const WorkerKind* kind = &our_worker();
  std::string text = {};  // of the configuration, secrets hidden
};

// What a worker's program says of itself; only for kinds that can be asked.
struct ProgramFinding {
  std::string path;
  std::optional<ProgramVersion> version;  // nothing: our own, or it gave no answer
  const WorkerKind* kind = nullptr;       // the description that fits; the newest when unsure
};
// NotFound: no such program. Invalid: its version does not fit worker.kind. Blocks while the
// program tells its version, a few seconds at most.
Result<ProgramFinding> find_worker_program(const WorkerSettings& settings);

// Who starts it.
struct LaunchingPool {
  const PoolDirectories& directories;
  std::string instance;
  std::string control_socket;
  std::vector<std::string> taken;  // API addresses of the pool's other workers
};
// With a port of its own for the API, where the kind needs one: free a moment ago.
Result<WorkerLaunch> make_worker_launch(const LaunchConfig& launch,
                                        const LaunchingPool& pool,
                                        WorkerId worker);
// The same for people, without looking for a port.
std::string launch_text(const LaunchConfig& launch, const LaunchingPool& pool, WorkerId worker);

}  // namespace scpool::supervisor
