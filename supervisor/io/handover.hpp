// What one program of a supervisor leaves to the next when it is replaced in place: a file of JSON
// with all that the state file does not hold, and descriptors that stay open. Not in the layout's
// list: the contract between two versions of sc-pool needs one place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "supervisor/core/event_journal.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/upgrade_report.hpp"

namespace scpool::supervisor {

// Two programs that do not speak the same one refuse each other.
inline constexpr int kHandoverProtocol = 1;

struct Handover {
  UpgradeReport report;
  Instant now;                    // when this was written
  std::uint64_t fingerprint = 0;  // of all that the configuration was read from
  ConfigHash config;              // what workers of that configuration are marked with
  StoredState state;
  JournalRecord journal;
  WallTime started_at{};
  bool told_ready = false;  // the service manager

  // Numbers of descriptors; -1: there is none.
  int lock = -1;
  int control = -1;
  int api = -1;
  // The embedded server of `up --local`; pid 0: none.
  int server_pid = 0;
  std::uint64_t server_start_time = 0;
  int guard_pid = 0;  // a child to be reaped; 0: none
};

// Mode 0600.
Result<void> write_handover(const std::string& path, const Handover& handover);
// Invalid: it cannot be understood, or another protocol is spoken; the sentence says which.
Result<Handover> read_handover(const std::string& path);

}  // namespace scpool::supervisor
