// When the worker tells the server that it lives (POST .../connected, reference section d.1), and
// what it says about the connection. The memory figures are added by whoever sends it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.hpp"

namespace scpool::worker {

struct StatusReport {
  bool connected = false;
  Duration since_change = Duration::zero();  // of `connected`
};

class StatusReporter {
 public:
  // Until begin() nothing is due.
  void begin(Duration interval, Instant now);
  void end() { next_ = kNever; }
  // A change is reported at once, an unchanged state every interval.
  void set_connected(std::uint32_t standing_connections, Instant now);

  // The report to send now, if one is due.
  std::optional<StatusReport> take_due(Instant now);
  Instant next_deadline() const { return next_; }

  bool connected() const { return connected_; }
  Instant last_change() const { return changed_; }

 private:
  Duration interval_ = std::chrono::seconds{30};
  Instant next_ = kNever;
  Instant changed_;
  bool connected_ = false;
};

struct MemoryFigures {  // bytes
  std::uint64_t total = 0;
  std::uint64_t available = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
};

// The body of the call.
std::string to_json(const StatusReport& report, const MemoryFigures& memory);
// Of the text of /proc/meminfo.
MemoryFigures parse_memory_figures(std::string_view meminfo);

}  // namespace scpool::worker
