// Kinds of worker as data: command line, environment, readiness and how an end is read. Everything
// the supervisor knows of a particular program is in one of these tables; there are no branches on
// the kind anywhere else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

// One rule of how an end is read; the first that fits decides.
struct ExitRule {
  std::optional<int> code;  // exit status; nothing: any
  std::string phrase;       // in the last lines, any case; empty: any
  ExitCause cause = ExitCause::Unknown;
};

enum class ReadinessSource {
  LocalApi,   // GET on the local API
  ReadyFile,  // a file appears
};

// Words of a command line or environment: "{name}" is replaced by a fact. A group whose fact is
// empty is left out as a whole.
struct WordGroup {
  std::vector<std::string> words;
};

struct WorkerKind {
  std::string name;     // "sc-worker"
  std::string program;  // looked for beside sc-pool, then in PATH
  std::vector<WordGroup> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // "{access_key}" is secret
  ReadinessSource readiness = ReadinessSource::LocalApi;
  std::string ready_path;   // "/readyz"
  std::string health_path;  // "/healthz"
  std::string info_path;    // "/info"
  std::string metrics_path;
  int drain_signal = 0;
  int stop_signal = 0;    // sent after the drain signal: do not wait
  int reopen_signal = 0;  // reopen the log file; 0: cannot
  std::vector<ExitRule> exit_rules;
};

// Facts that fill the words: tunnel_name, user, region, rest_url, api_address, log_file, pid_file,
// ready_file, supervisor_socket, orphan_grace, metadata, ca_file, log_level, log_format,
// proxy_localhost.
using LaunchFacts = std::map<std::string, std::string, std::less<>>;

struct LaunchPlan {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, Secret>> environment;
  std::string redacted_text() const;  // as typed into a shell, secrets as "***"
};

const WorkerKind& our_worker();
// By its name; nothing when there is none.
const WorkerKind* find_worker_kind(std::string_view name);
std::vector<std::string> worker_kind_names();

// `extra_arguments` come last, so that they may override.
LaunchPlan launch_plan(const WorkerKind& kind,
                       const LaunchFacts& facts,
                       const Secret& access_key,
                       const std::vector<std::string>& extra_arguments);

// The metadata mark by which a tunnel on the server is known to be this pool's, and back.
std::string instance_mark(std::string_view instance, WorkerId worker);  // "pool_worker=INST.2.17"
std::optional<WorkerId> marked_worker(std::string_view instance, std::string_view mark_value);

// For ends nobody asked for.
ExitCause classify_exit(const WorkerKind& kind, const WorkerExit& exit, const Evidence& evidence);
// "exited with 1", "killed by signal 9 (core dumped)", "ended unseen".
std::string exit_text(const WorkerExit& exit);

}  // namespace scpool::supervisor
