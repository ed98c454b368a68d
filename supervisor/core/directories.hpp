// Where a pool keeps its files, as a pure function of its name, the user and the environment:
// systemd's directories when it gave them, the system's for root, XDG's otherwise. Makes nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace scpool::supervisor {

struct PoolDirectories {
  std::string runtime;      // sockets and pid files; emptied when the pool goes down
  std::string state;        // what outlives the supervisor
  std::string logs;         // of the supervisor and of every worker
  std::string credentials;  // systemd's LoadCredential=; empty when there is none
};

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string&)>;

// 1 to 64 letters, digits, '.', '_' and '-'; neither '.' nor '-' first: it is part of paths.
bool is_pool_name(std::string_view name);

// Invalid: a bad name, or no directory to be found (no HOME), with the variable to set.
Result<PoolDirectories> find_pool_directories(const std::string& pool,
                                              unsigned uid,
                                              const EnvironmentLookup& environment);
// The directory whose children are the runtime directories of all pools of this user; empty when
// the environment names one pool's directory itself (RUNTIME_DIRECTORY).
std::string runtime_base(unsigned uid, const EnvironmentLookup& environment);

std::string control_socket_path(const PoolDirectories& directories);

}  // namespace scpool::supervisor
