// From flags, environment and file to a pool's configuration, directories and account; what `up`,
// `config` and reload share. Starts nothing. Not in the layout's list: it keeps the command line
// and the supervisor free of each other.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "supervisor/command_line.hpp"
#include "supervisor/core/directories.hpp"
#include "supervisor/core/pool_config.hpp"
#include "supervisor/io/tunnel_directory.hpp"

namespace scpool::supervisor {

struct LoadedConfig {
  PoolConfig config;
  std::string text;  // in effect, with origins, secrets hidden
  std::string file;  // empty: none
  PoolMode mode = PoolMode::Cloud;
};

// Which configuration is meant.
struct ConfigQuestion {
  PoolMode mode = PoolMode::Cloud;
  std::string file;    // empty: that of the pool's name where configurations live
  std::string pool;    // empty: as the file says
  std::string socket;  // empty: as the file says
  std::vector<std::pair<std::string, std::string>> pool_flags;
};
ConfigQuestion config_question(const Invocation& invocation);

// All problems at once.
std::variant<LoadedConfig, std::vector<Error>> load_pool_config(const ConfigQuestion& question);
std::variant<LoadedConfig, std::vector<Error>> load_pool_config(const Invocation& invocation);

// Those of the configuration over those of the environment and user.
Result<PoolDirectories> directories_of(const PoolConfig& config);
// Makes them and proves that files can be written there and sockets bound.
Result<void> make_directories(const PoolDirectories& directories, const std::string& pool);

// URL and user for REST, without the key.
RestAccount keyless_account(const PoolConfig& config);
// The same with the key; reads the key's file or systemd credential.
Result<RestAccount> account_of(const PoolConfig& config, const PoolDirectories& directories);

}  // namespace scpool::supervisor
