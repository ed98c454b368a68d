// Kinds of worker as data: command line, environment, readiness and how an end is read. Everything
// the supervisor knows of a particular program is in one of these tables; there are no branches on
// the kind anywhere else. A program whose command line changed has one description per version.
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
#include "supervisor/core/program_version.hpp"

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

enum class ApiTransport {
  UnixSocket,  // "unix:PATH", a file of its own
  Loopback,    // "127.0.0.1:PORT", a free port that is looked for before each start
};

// Words of a command line or environment: "{name}" is replaced by a fact. A group whose fact is
// empty is left out as a whole.
struct WordGroup {
  std::vector<std::string> words;
  std::string only_if;  // "fact=value": left out for other values; empty: always there
};

struct WorkerKind {
  std::string name;                            // as configured: "sauce-connect-4"
  ProgramVersion since;                        // the oldest version this describes
  std::string program;                         // looked for beside sc-pool, then in PATH
  std::vector<std::string> version_arguments;  // print the version and end; none: it is our own
  std::vector<WordGroup> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // "{access_key}" is secret
  std::vector<std::string> secret_flags;                         // that would show a secret in argv
  bool needs_cloud = false;             // cannot use the server of `up --local`
  bool writes_pid_file = true;          // else we write it
  std::optional<Duration> drain_limit;  // the program itself waits no longer for jobs
  ReadinessSource readiness = ReadinessSource::LocalApi;
  ApiTransport api = ApiTransport::UnixSocket;
  std::string ready_path;     // "/readyz"
  std::string health_path;    // "/healthz"; empty: none, as ready
  std::string info_path;      // "/info"
  std::string tunnel_key;     // in the JSON of info_path
  std::string tunnel_phrase;  // in its log, before the tunnel's id; for those without info_path
  std::string metrics_path;
  std::string streams_metric;
  std::string jobs_metric;
  std::string connections_metric;
  int drain_signal = 0;
  int stop_signal = 0;       // sent after the drain signal: do not wait
  int reopen_signal = 0;     // reopen the log file; 0: cannot
  std::string fatal_phrase;  // when a last line has it, only such lines are read for the cause
  std::vector<ExitRule> exit_rules;
};

// Facts that fill the words: tunnel_name, user, region, rest_url, own_rest_url (only when
// configured), api_address, log_file, log_size, pid_file, ready_file, supervisor_socket,
// orphan_grace, metadata, metadata_pair (with a colon), ca_file, log_level, log_format,
// proxy_localhost.
using LaunchFacts = std::map<std::string, std::string, std::less<>>;

struct LaunchPlan {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, Secret>> environment;
  std::string redacted_text() const;  // as typed into a shell, secrets as "***"
};

const WorkerKind& our_worker();
// The newest description of that name; nothing when there is none.
const WorkerKind* find_worker_kind(std::string_view name);
// The description that fits this version. Invalid: too old or too new, with the mend.
Result<const WorkerKind*> fitting_worker_kind(std::string_view name, const ProgramVersion& version);
// By name and the version its description begins with, as written to the state file.
const WorkerKind* find_worker_kind(std::string_view name, const ProgramVersion& since);
std::vector<std::string> worker_kind_names();
// Flags of the kind that the pool itself gives to each worker, and those of its secrets.
bool gives_flag(const WorkerKind& kind, std::string_view flag);

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
