#include "worker/core/status_report.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool::worker {

void StatusReporter::begin(Duration interval, Instant now) {
  interval_ = interval;
  next_ = now + interval;
  changed_ = now;
}

void StatusReporter::set_connected(std::uint32_t standing_connections, Instant now) {
  const bool connected = standing_connections > 0;
  if (connected == connected_) {
    return;
  }
  connected_ = connected;
  changed_ = now;
  if (next_ != kNever) {
    next_ = now;
  }
}

std::optional<StatusReport> StatusReporter::take_due(Instant now) {
  if (now < next_) {
    return std::nullopt;
  }
  next_ = now + interval_;
  return StatusReport{.connected = connected_, .since_change = now - changed_};
}

std::string to_json(const StatusReport& report, const MemoryFigures& memory) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(report.since_change);
  std::string text = R"({"kgp_is_connected":)";
  text += report.connected ? "true" : "false";
  text += R"(,"kgp_seconds_since_last_status_change":)" + std::to_string(seconds.count());
  if (memory.total > 0) {
    text += R"(,"memory":{"total":)" + std::to_string(memory.total);
    text += R"(,"available":)" + std::to_string(memory.available);
    text += R"(,"used":)" + std::to_string(memory.used);
    text += R"(,"free":)" + std::to_string(memory.free) + "}";
  }
  return text + "}";
}

MemoryFigures parse_memory_figures(std::string_view meminfo) {
  MemoryFigures figures;
  for (const std::string_view line : split(meminfo, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    std::string_view value = trim(line.substr(colon + 1));
    value = value.substr(0, value.find(' '));
    const std::uint64_t bytes = parse_number(value).value_or(0) * 1024;
    const std::string_view name = line.substr(0, colon);
    if (name == "MemTotal") {
      figures.total = bytes;
    } else if (name == "MemFree") {
      figures.free = bytes;
    } else if (name == "MemAvailable") {
      figures.available = bytes;
    }
  }
  figures.used = figures.total - std::min(figures.total, figures.available);
  return figures;
}

}  // namespace scpool::worker
