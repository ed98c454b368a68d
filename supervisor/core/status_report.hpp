// Everything that is shown of a pool, and its forms: the JSON of `status --json` (a stable
// contract), Prometheus metrics, a text, and one line for the service manager. Made by the
// supervisor from the deciders' snapshot and what it knows of processes. Not in the layout's list:
// control socket, TCP API, metrics and page show the same facts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/secret.hpp"
#include "common/base/time.hpp"
#include "supervisor/core/pool_figures.hpp"
#include "supervisor/core/pool_snapshot.hpp"

namespace scpool::supervisor {

struct WorkerFacts {
  int pid = 0;
  WallTime started_at{};
  std::string log_file;
  std::string api_socket;  // a path, or HOST:PORT
};

// Of `up --local`: where the embedded server is.
struct LocalFacts {
  std::string rest_url;
  std::string ca_file;
  std::string user;
  std::string access_key_file;
  std::string ingress_url;       // with credentials
  std::string open_ingress_url;  // without
  Secret ingress_credential;     // "user;tunnel=NAME:access-key"
};

struct StatusReport {
  std::string pool;
  std::string tunnel_name;
  int supervisor_pid = 0;
  std::string version;
  WallTime started_at{};
  Instant now{};
  WallTime wall_now{};
  std::string log_directory;
  std::string log_file;  // the supervisor's
  std::string control_socket;
  std::string config_file;  // absolute; empty: none
  std::string api_address;  // of the TCP API; empty: none
  PoolSnapshot snapshot;
  std::map<WorkerId, WorkerFacts> facts;
  std::optional<LocalFacts> local;
  std::uint64_t workers_started = 0;
  std::map<std::string, std::uint64_t> workers_ended;  // by cause
  Duration max_age{};                                  // 0: workers do not age
  std::uint64_t supervisor_memory = 0;                 // bytes resident
  std::uint32_t supervisor_descriptors = 0;
  // The supervisor's own, valid while it is not changed; null where nobody counts.
  const PoolFigures* figures = nullptr;
  const EventJournal* journal = nullptr;
};

enum class PoolCondition { Starting, Ready, Degraded, Failed, Stopping };

PoolCondition condition(const PoolSnapshot& snapshot);
std::string_view to_text(PoolCondition condition);
bool has_minimum(const PoolSnapshot& snapshot);  // what /readiness says

// Who is asking: over TCP nobody is known, so no secret and no path is told.
enum class Audience { Owner, Anybody };

std::string status_json(const StatusReport& report, Audience audience);
std::string status_metrics(const StatusReport& report);
std::string status_text(const StatusReport& report);    // the page for a terminal
std::string status_line(const PoolSnapshot& snapshot);  // "2 of 3 workers ready, 1 starting"

}  // namespace scpool::supervisor
