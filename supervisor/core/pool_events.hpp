// All that can happen to a pool, in past tense. The shell makes one of these from every exit,
// answer, timer and command. Events about a worker that no longer exists do nothing.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

struct WorkerSpawned {
  WorkerId worker;
};

// No process came to be. Resources: fork or descriptors; else the program itself is at fault.
struct SpawnFailed {
  WorkerId worker;
  ExitCause cause = ExitCause::Configuration;
  std::string why;
};

struct WorkerExit {
  enum class How { Exited, Killed, Unknown };  // Unknown: nobody was there to read the status
  How how = How::Unknown;
  int code = 0;    // with Exited
  int signal = 0;  // with Killed
  bool core_dumped = false;
};

// What is left of a worker, for its cause and its record.
struct Evidence {
  std::vector<std::string> last_lines;  // of standard error, then of its log; bounded by the shell
  std::uint64_t max_resident_bytes = 0;
  bool out_of_memory_killed = false;  // the kernel or the control group said so
};

struct WorkerExited {
  WorkerId worker;
  WorkerExit exit;
  Evidence evidence;
  ExitCause cause = ExitCause::Unknown;  // by its kind; only for an end nobody asked for
};

// A worker's local API answered. Also legal without a ProbeWorker before it (the worker reported).
struct ProbeAnswered {
  WorkerId worker;
  bool ready = false;      // /readyz was 200
  bool connected = false;  // /healthz was 200
  TunnelId tunnel;         // of /info; empty until registered
  std::uint32_t jobs = 0;
  std::uint32_t streams = 0;
  std::uint32_t connections = 0;
  std::uint32_t suspect_connections = 0;    // among them: silent, and given no new streams
  std::uint32_t suspended_connections = 0;  // beside them: cut, their streams are kept
  std::uint64_t sent_bytes = 0;             // HTTP/2, to the server; starts anew with a connection
  std::uint64_t received_bytes = 0;
  std::uint64_t memory = 0;  // bytes resident
  std::uint32_t descriptors = 0;
  std::string detail;  // of a /readyz that is not 200: why
};

struct ProbeFailed {  // no answer within the probe's deadline, or not an HTTP answer
  WorkerId worker;
  std::string why;
};

// One tunnel of the account's list that has our tunnel name.
struct ListedTunnel {
  TunnelId id;
  bool is_ready = false;
  bool pool_flag = true;
  bool ended = false;              // terminated; only history
  std::optional<WorkerId> worker;  // set when its metadata bears our pool's instance mark
};
struct RestListed {
  std::vector<ListedTunnel> tunnels;
};
struct RestFailed {
  std::string why;
};
struct TunnelDeleted {  // or was not there any more
  TunnelId tunnel;
};
struct TunnelDeleteFailed {
  TunnelId tunnel;
  std::string why;
};
struct DrainFinished {  // the worker says that nothing uses it any more; its exit follows
  WorkerId worker;
};
struct TimerFired {};  // next_deadline() came
// A worker that an earlier supervisor started still lives and was taken back.
struct WorkerAdopted {
  WorkerId worker;
  Instant started_at;  // on our timeline; same boot
  ConfigHash config;
};
struct PoolStarted {};  // after the last WorkerAdopted: what was not adopted is gone; begin
struct ScaleRequested {
  std::uint32_t size = 0;
};
enum class RestartStyle { Rolling, AtOnce };
// A wish: every worker of `slots` (all when empty) that started before `before` is replaced.
struct RestartRequested {
  Instant before;
  std::vector<SlotIndex> slots;
  RestartStyle style = RestartStyle::Rolling;
};
struct DrainRequested {  // this slot's worker goes, a fresh one comes
  SlotIndex slot;
};
enum class RolloutCommand { Pause, Resume, Cancel };
struct RolloutCommanded {
  RolloutCommand command = RolloutCommand::Pause;
};
// Also with an unchanged hash: slots in `failed` are tried at once.
struct ConfigChanged {
  PoolPolicy policy;
  ConfigHash config;
};
enum class StopUrgency { Drain, Now };  // Now: do not wait for jobs
struct ShutdownRequested {
  StopUrgency urgency = StopUrgency::Drain;
};

using PoolEvent = std::variant<WorkerSpawned,
                               SpawnFailed,
                               WorkerExited,
                               ProbeAnswered,
                               ProbeFailed,
                               RestListed,
                               RestFailed,
                               TunnelDeleted,
                               TunnelDeleteFailed,
                               DrainFinished,
                               TimerFired,
                               WorkerAdopted,
                               PoolStarted,
                               ScaleRequested,
                               RestartRequested,
                               DrainRequested,
                               RolloutCommanded,
                               ConfigChanged,
                               ShutdownRequested>;

}  // namespace scpool::supervisor
