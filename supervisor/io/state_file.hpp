// What must outlive the supervisor, in one JSON file: the deciders' record and the identity of each
// process of ours. Written whole and atomically (a second file, which exchanges its name with the
// first) before the action it must outlive. A worker waits for that write, so it does not wait for
// the disk: against the end of the machine, which ends all workers too, a copy is synced a little
// later. Owned by the supervisor alone (PoolLock).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"
#include "supervisor/core/pool_record.hpp"
#include "supervisor/core/program_version.hpp"

namespace scpool::supervisor {

// A process of ours; its identity is pid, start time and boot, never the pid alone.
struct KnownProcess {
  WorkerId worker;
  int pid = 0;
  std::uint64_t start_time = 0;  // of /proc/PID/stat, clock ticks since boot
  std::string kind;              // its name; empty: the configured one
  ProgramVersion kind_since;     // which description of it
  std::string api_address;       // empty: the socket named after the worker
  friend bool operator==(const KnownProcess&, const KnownProcess&) = default;
};

struct StoredState {
  std::string instance;  // marks our tunnels on the server; made once for a state directory
  std::string boot_id;   // the boot that the processes and instants belong to
  PoolRecord pool;
  std::vector<KnownProcess> processes;
};

// Both in state_json.cpp. Nothing: the text is not a pool's state.
std::string state_to_json(const StoredState& state);
std::optional<StoredState> state_from_json(const std::string& text);

class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}

  // A missing file is a new pool (empty instance). A file that an end of the machine tore gives way
  // to the synced copy. Invalid: it cannot be understood; it stays.
  Result<StoredState> load() const;
  // Outlives this process from now on.
  Result<void> save(const StoredState& state);
  // What was saved last outlives the machine, too: <path>.synced (temporary file, fsync, rename).
  Result<void> sync();

 private:
  std::string path_;
  std::string last_written_;  // an unchanged state is not written again
  bool synced_ = true;
};

// /proc/sys/kernel/random/boot_id; empty when the kernel does not tell.
std::string current_boot_id();

}  // namespace scpool::supervisor
