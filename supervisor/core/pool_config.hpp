// A pool's configuration: typed, checked, with the table of keys that drives file, environment,
// command line and help. Impossible values are errors that name the mend; all are found in one go.
// Reads no files: the access key's file is the shell's to open.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/config/flag_table.hpp"
#include "common/config/settings.hpp"
#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

struct AccountSettings {
  std::string user;
  Secret access_key;            // of the environment
  std::string access_key_file;  // 0600; or a systemd credential
  std::string region;
  std::string rest_url;  // with /rest/v1; overrides region
  std::string ca_file;
};

struct WorkerSettings {
  std::string kind = "sc-worker";
  std::string program;                 // empty: the kind's own
  std::vector<std::string> arguments;  // passed on as they are
  std::vector<std::pair<std::string, std::string>> environment;
  std::string proxy_localhost;  // "allow", "deny", "direct"; empty: the worker's own default
  std::string log_level = "info";
  Duration orphan_grace = std::chrono::minutes{10};
  std::uint64_t open_files = 0;  // RLIMIT_NOFILE; 0: as inherited
  bool follow_program = false;   // another file at its path means new workers
};

struct LogSettings {
  std::string directory;  // empty: by the rules of directories
  std::string file;       // the supervisor's; empty: in the directory; "stderr": standard error
  std::string format = "text";
  std::uint64_t max_size = 0;   // bytes of one file before it is rotated
  std::uint64_t keep = 0;       // rotated files of one worker
  Duration max_age{};           // of files of past generations
  std::uint64_t max_total = 0;  // bytes of all logs; 0: no limit
};

struct ControlSettings {
  std::string socket;                          // empty: <run>/control.sock
  std::string group;                           // may also command; empty: root and own uid only
  std::string api_address = "127.0.0.1:8032";  // "off": none
};

struct PoolConfig {
  std::string name;         // of files and sockets
  std::string tunnel_name;  // jobs name it; default: the pool's name
  PoolPolicy policy;
  AccountSettings account;
  WorkerSettings worker;
  LogSettings log;
  ControlSettings control;
  std::string run_directory;  // empty: by the rules of directories
  std::string state_directory;

  // Of everything a running worker was started with, the key it got among it; a different value
  // means: needs new workers.
  // `program_mark` tells one file of the worker's program from the next; empty: it does not matter.
  ConfigHash worker_hash(const Secret& access_key, std::string_view program_mark) const;
};

// The vendor's cloud: the name its clients use and that of its REST API's host.
struct CloudRegion {
  std::string name;       // "us-west"
  std::string full_name;  // "us-west-1"
};
const std::vector<CloudRegion>& cloud_regions();

// Whether a running worker was started with it (what worker_hash counts in).
bool needs_new_workers(std::string_view key);

// Keys as in the file: "pool.size", "worker.program". Environment: SC_POOL_POOL_SIZE; for the
// account also SAUCE_USERNAME, SAUCE_ACCESS_KEY, SAUCE_REGION, SAUCE_REST_URL.
const FlagTable& pool_setting_table();

enum class PoolMode {
  Cloud,  // an account and a server elsewhere
  Local,  // --local: server, account and CA are made for it; none may be configured
};
std::variant<PoolConfig, std::vector<Error>> read_pool_config(const Settings& settings,
                                                              PoolMode mode);

}  // namespace scpool::supervisor
