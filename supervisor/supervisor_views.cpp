// What others see of the supervisor: its report, a slot's explanation, a start that has failed.
#include <unistd.h>

#include <algorithm>

#include "supervisor/supervisor.hpp"

namespace scpool::supervisor {

PoolSnapshot Supervisor::snapshot() const {
  PoolSnapshot pool = controller_.snapshot(loop_.now());
  for (WorkerSnapshot& worker : pool.workers) {
    if (const auto counted = counted_jobs_.find(worker.worker); counted != counted_jobs_.end()) {
      worker.jobs = counted->second;
    }
  }
  return pool;
}

// As often as the server is asked for the list of tunnels.
void Supervisor::count_jobs() {
  for (const WorkerSnapshot& worker : controller_.snapshot(loop_.now()).workers) {
    const WorkerProcess* process = find(worker.worker);
    if (process == nullptr || worker.tunnel.empty() || !process->kind().jobs_metric.empty()) {
      continue;
    }
    tunnels_.count_jobs(worker.tunnel,
                        setup_.config.policy.rest_timeout,
                        [this, id = worker.worker](std::uint64_t jobs) {
                          if (find(id) != nullptr) {
                            counted_jobs_[id] = static_cast<std::uint32_t>(
                                std::min<std::uint64_t>(jobs, UINT32_MAX));
                          }
                        });
  }
}

StatusReport Supervisor::report() const {
  StatusReport report;
  report.pool = setup_.config.name;
  report.tunnel_name = setup_.config.tunnel_name;
  report.supervisor_pid = getpid();
  report.version = SCPOOL_VERSION;
  report.started_at = started_at_;
  report.now = loop_.now();
  report.wall_now = loop_.wall_now();
  report.log_directory = setup_.directories.logs;
  report.log_file = setup_.log_file;
  report.control_socket = setup_.control_socket;
  report.config_file = setup_.config_file;
  report.api_address = setup_.api_address;
  report.snapshot = snapshot();
  report.local = setup_.local;
  report.workers_started = journal_.started();
  report.workers_ended = journal_.ended_by_cause();
  report.max_age = setup_.config.policy.max_age;
  report.figures = &figures_;
  report.journal = &journal_;
  if (const auto facts = read_process_facts(getpid())) {
    report.supervisor_memory = facts->resident_bytes;
    report.supervisor_descriptors = facts->open_descriptors;
  }
  for (const auto& [worker, process] : workers_) {
    const bool by_socket = process->kind().api == ApiTransport::UnixSocket;
    report.facts[worker] = {process->pid(),
                            process->started_at(),
                            process->files().log,
                            by_socket ? process->files().socket : process->api_address()};
  }
  return report;
}

std::string Supervisor::explain(SlotIndex slot) const {
  return controller_.explain(slot, loop_.now());
}

std::optional<std::string> Supervisor::permanent_failure() const {
  const PoolSnapshot snapshot = controller_.snapshot(loop_.now());
  for (const VacantSlotSnapshot& slot : snapshot.vacant) {
    if (slot.state == VacancyState::Failed && slot.last_cause.has_value()) {
      const std::string line = slot.last_lines.empty() ? "" : ": " + slot.last_lines.back();
      return "worker " + std::to_string(slot.slot.value) + " cannot start (" +
             std::string(to_text(*slot.last_cause)) + ")" + line;
    }
  }
  return std::nullopt;
}

}  // namespace scpool::supervisor
