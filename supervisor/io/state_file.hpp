// What must outlive the supervisor: the next generation number, the wished size, and which
// processes and tunnels are ours. Written whole and atomically (temporary file, fsync, rename)
// before the action it must outlive. Owned by the supervisor alone (PoolLock).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"

namespace scpool::supervisor {

// A process of ours; its identity is pid, start time and boot, never the pid alone.
struct KnownProcess {
  WorkerId worker;
  int pid = 0;
  std::uint64_t start_time = 0;  // of /proc/PID/stat, clock ticks since boot
  TunnelId tunnel;               // empty until it is known
  friend bool operator==(const KnownProcess&, const KnownProcess&) = default;
};

struct PoolRecord {
  Generation next_generation{1};
  std::optional<std::uint32_t> wished_size;  // by `scale`; nothing: the configuration's
  std::string boot_id;                       // of the boot the processes belong to
  std::vector<KnownProcess> processes;
  // Tunnels whose deletion is not confirmed yet, of processes that are gone.
  std::vector<TunnelId> left_tunnels;
  friend bool operator==(const PoolRecord&, const PoolRecord&) = default;
};

class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}

  // A missing file is a new pool. Invalid: it cannot be understood; it is then left as it is.
  Result<PoolRecord> load() const;
  Result<void> save(const PoolRecord& record);

 private:
  std::string path_;
  std::string last_written_;  // an unchanged record is not written again
};

// /proc/sys/kernel/random/boot_id; empty when the kernel does not tell.
std::string current_boot_id();

}  // namespace scpool::supervisor
