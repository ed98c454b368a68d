// What a Supervisor is given at its start. Values and the callbacks through which it reaches what
// is not the pool's: the configuration's files, the program, the service manager's store.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/io/open_descriptor.hpp"
#include "supervisor/core/directories.hpp"
#include "supervisor/core/pool_config.hpp"
#include "supervisor/core/status_report.hpp"
#include "supervisor/io/handover.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/tunnel_directory.hpp"
#include "supervisor/io/upgrade_report.hpp"
#include "supervisor/io/worker_launch.hpp"

namespace scpool::supervisor {

struct SupervisorSetup {
  enum class ReadFor { Use, Looking };

  PoolConfig config;
  RestAccount account;
  const WorkerKind* kind = &our_worker();
  PoolDirectories directories;
  StoredState state;
  std::string state_path;
  std::string log_file;
  std::string control_socket;
  std::string config_file;  // absolute; empty: none
  std::string api_address;  // empty: none
  std::optional<LocalFacts> local;
  std::string configuration_text;
  // Reads the configuration again.
  std::function<Result<LaunchConfig>(ReadFor)> read_config;
  // Exchanges the program.
  std::function<Result<void>(const UpgradeOrder&)> upgrade;
  std::function<UpgradeReport()> upgrade_report;
  // Somebody who outlives us keeps a descriptor of each worker (a service manager's store).
  std::function<void(WorkerId, int pidfd)> keep;
  std::function<void(WorkerId)> let_go;
  std::map<WorkerId, OpenDescriptor> kept;  // of an earlier supervisor's workers
  // Goes on for another program of this process: its story, and what it called this
  // configuration.
  std::optional<Handover> inherited;
};

}  // namespace scpool::supervisor
