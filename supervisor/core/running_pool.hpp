// A running pool as its supervisor's status tells it: what `doctor` needs of it. Reads the JSON of
// status_report; fields that are missing stay empty. Not in the layout's list.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"

namespace scpool::supervisor {

struct RunningWorker {
  WorkerId worker;
  int pid = 0;
  std::string state;
  TunnelId tunnel;
};

// Where the embedded server of `up --local` is.
struct RunningServer {
  std::string rest_url;
  std::string ca_file;
  std::string user;
  std::string access_key_file;
  std::string ingress_url;
};

struct RunningPool {
  std::string name;
  std::string tunnel_name;
  std::string state;
  std::uint32_t size = 0;
  std::uint32_t ready = 0;
  int supervisor_pid = 0;
  std::string config_file;  // empty: none
  std::string api_address;  // empty: none
  std::vector<RunningWorker> workers;
  std::optional<RunningServer> server;
};

// Invalid: not a status of a pool.
Result<RunningPool> read_running_pool(const std::string& status_json);

}  // namespace scpool::supervisor
