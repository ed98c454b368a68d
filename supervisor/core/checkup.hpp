// What `doctor` found, and what it means: each judge_… turns one finding into one line with verdict
// and mend. Pure; findings are gathered by supervisor/io. Not in the layout's list: the decider of
// that verb.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/running_pool.hpp"

namespace scpool::supervisor {

enum class Verdict { Passed, Failed, Skipped };
std::string_view to_text(Verdict verdict);  // "ok", "failed", "skipped"

struct Check {
  std::string name;  // "clock"; at most 15 characters
  Verdict verdict = Verdict::Skipped;
  std::string finding;
  std::string mend;  // of what failed; else empty
};

Check skipped(std::string name, std::string why);

struct ConfigFinding {
  std::string file;  // empty: none, defaults and flags alone
  std::string pool;
  std::uint32_t size = 0;
  std::vector<std::string> problems;
};
Check judge_config(const ConfigFinding& finding);
// Nothing: no supervisor runs, which is no fault.
Check judge_supervisor(const std::optional<RunningPool>& pool);
struct ProgramCheck {
  std::string path;
  std::string version;  // empty: it was not told
  bool needs_version = false;
  std::string kind;
};
Check judge_program(const Result<ProgramCheck>& finding);

struct DirectoryFinding {
  std::string name;     // "log directory"
  std::string setting;  // the key that chooses another
  std::string path;
  bool is_there = false;
  std::string problem;  // why nothing can be written there; empty: it can
  std::optional<std::uint64_t> free_bytes;
};
Check judge_directory(const DirectoryFinding& finding);

struct FileLimitFinding {
  struct Limit {
    std::string process;  // "worker 0.3"
    std::uint64_t files = 0;
  };
  std::vector<Limit> limits;
  std::uint64_t wished = 0;   // worker.open_files; 0: as inherited
  std::uint64_t highest = 0;  // the hard limit here
};
Check judge_file_limits(const FileLimitFinding& finding);

struct ApiAddressFinding {
  enum class State { Off, Free, Ours, Silent, Taken };
  State state = State::Off;
  std::string address;
  int supervisor_pid = 0;  // Ours, Silent
  std::string problem;     // Silent, Taken
};
Check judge_api_address(const ApiAddressFinding& finding);

struct NameFinding {
  std::string host;
  bool is_address = false;
  std::vector<std::string> addresses;
  std::string problem;
};
Check judge_name(const NameFinding& finding);

// One authenticated call of the REST API.
struct ServerFinding {
  std::string url;
  std::string user;
  std::string key_problem;  // the access key could not be read: asked without it
  std::optional<Error> failure;
  int status = 0;
  std::string sentence;  // of an error status
  std::optional<WallTime> certificate_end;
  std::string date;  // Date field
  WallTime asked_at{};
  WallTime answered_at{};
};
// Server, TLS, clock and credentials, in this order.
std::vector<Check> judge_server(const ServerFinding& finding);

struct TunnelsFinding {
  std::vector<ListedTunnel> tunnels;  // of our name
  std::vector<WorkerId> living;
  Generation next_generation;  // read before the list
  bool supervised = false;
};
Check judge_tunnels(const TunnelsFinding& finding);

// A request for a page of our own through one worker.
struct RequestFinding {
  WorkerId worker;
  std::optional<Error> failure;
  int status = 0;
  std::string proxy_status;  // field of RFC 9209
  bool page_came_whole = false;
  Duration took{};
};
Check judge_request(const RequestFinding& finding);

bool any_failed(const std::vector<Check>& checks);
// {"pool", "ok", "checks": [{"check", "state", "finding", "mend"}]}; a stable contract.
std::string checks_json(const std::string& pool, const std::vector<Check>& checks);

// IMF-fixdate of RFC 9110 section 5.6.7; nothing for other forms.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace scpool::supervisor
