// The page of a status report for a terminal.
#include "common/base/text.hpp"
#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {

std::string status_text(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  std::string text = "Pool " + report.pool + " is " + std::string(to_text(condition(pool))) + ": " +
                     status_line(pool) + ", tunnel name " + report.tunnel_name + "\n\n";
  for (const WorkerSnapshot& worker : pool.workers) {
    text += "  slot " + std::to_string(worker.worker.slot.value) + "  " +
            std::string(to_text(worker.state)) + "  tunnel " + worker.tunnel.value + "  age " +
            rough_duration(report.now - worker.started_at) + "  streams " +
            std::to_string(worker.streams) + "\n";
  }
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    text += "  slot " + std::to_string(slot.slot.value) + "  " + std::string(to_text(slot.state)) +
            (slot.last_cause ? "  " + std::string(to_text(*slot.last_cause)) : "") + "\n";
  }
  return text;
}

}  // namespace scpool::supervisor
