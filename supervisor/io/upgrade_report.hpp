// How the last `sc-pool upgrade` went, as the control socket tells it. Not in the layout's list:
// verb and supervisor share it, and it outlives the program that began it.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace scpool::supervisor {

// What to do. `program` empty: the one at the path of the running one.
struct UpgradeOrder {
  std::string program;
  Duration confirm_within = std::chrono::seconds{10};
};

enum class UpgradeState { None, Checking, HandingOver, Done, Refused, FellBack };

struct UpgradeReport {
  UpgradeState state = UpgradeState::None;
  std::uint64_t attempt = 0;  // counted over programs
  std::string from;           // "0.1.0 (25feba97)"
  std::string to;             // empty until it has said so
  std::string why;            // of a refusal or fall-back
  Duration unwatched{};       // from the exchange to the confirmation
  std::uint64_t workers_kept = 0;

  bool is_over() const {
    return state != UpgradeState::Checking && state != UpgradeState::HandingOver;
  }
  // "0.1.0 (25feba97) -> 0.1.0 (5f0e1a22); 3 workers kept, nobody watched them for 0.035 s"
  std::string sentence() const;
};

std::string_view to_text(UpgradeState state);  // "fell-back"
std::string upgrade_report_json(const UpgradeReport& report);
// Invalid: not such a report.
Result<UpgradeReport> read_upgrade_report(const std::string& json);

// Version and the linker's build id of this program.
std::string build_text();

}  // namespace scpool::supervisor
