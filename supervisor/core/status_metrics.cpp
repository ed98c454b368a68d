// The metrics of a status report. Labels are bounded: slot, role, state, cause, reason, result;
// never a generation, a process id or a tunnel id.
#include <algorithm>
#include <array>

#include "common/base/metrics_text.hpp"
#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {
namespace {

constexpr WorkerState kWorkerStates[] = {WorkerState::Starting,
                                         WorkerState::Ready,
                                         WorkerState::Unhealthy,
                                         WorkerState::Draining,
                                         WorkerState::Stopping};
constexpr VacancyState kVacancyStates[] = {
    VacancyState::Empty, VacancyState::Backoff, VacancyState::Failed};

// Of DurationHistogram::kBounds.
constexpr std::array<std::string_view, DurationHistogram::kBounds.size()> kBoundTexts = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.1", "0.5", "1", "2.5"};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double unix_time(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// A slot has at most one worker that serves, one that comes to replace it, and several that leave.
std::string_view role_of(const WorkerSnapshot& worker) {
  if (!is_active(worker.state)) {
    return "leaving";
  }
  return worker.replacement ? "replacement" : "serving";
}

// What is told of the workers of one slot in one role, summed; ages: the oldest.
struct RoleFigures {
  std::uint64_t jobs = 0;
  std::uint64_t streams = 0;
  std::uint64_t connections = 0;
  std::uint64_t suspect_connections = 0;
  std::uint64_t memory = 0;
  std::uint64_t descriptors = 0;
  double age = 0;
};
using RoleKey = std::pair<std::uint32_t, std::string_view>;

std::map<RoleKey, RoleFigures> figures_by_role(const StatusReport& report) {
  std::map<RoleKey, RoleFigures> all;
  for (const WorkerSnapshot& worker : report.snapshot.workers) {
    RoleFigures& sum = all[{worker.worker.slot.value, role_of(worker)}];
    sum.jobs += worker.jobs;
    sum.streams += worker.streams;
    sum.connections += worker.connections;
    sum.suspect_connections += worker.suspect_connections;
    sum.memory += worker.memory;
    sum.descriptors += worker.descriptors;
    sum.age = std::max(sum.age, seconds(report.now - worker.started_at));
  }
  return all;
}

void add_worker_metrics(MetricsText& metrics, const StatusReport& report) {
  struct Column {
    const char* name;
    const char* help;
    std::uint64_t RoleFigures::*value;
  };
  constexpr Column kColumns[] = {
      {"worker_jobs", "Jobs running on the worker.", &RoleFigures::jobs},
      {"worker_streams", "Open streams of the worker.", &RoleFigures::streams},
      {"worker_connections", "Tunnel connections that stand.", &RoleFigures::connections},
      {"worker_suspect_connections",
       "Tunnel connections that are silent and get no new streams.",
       &RoleFigures::suspect_connections},
      {"worker_resident_memory_bytes", "Resident memory of the worker.", &RoleFigures::memory},
      {"worker_open_fds", "Open file descriptors of the worker.", &RoleFigures::descriptors}};
  const std::map<RoleKey, RoleFigures> all = figures_by_role(report);
  for (const Column& column : kColumns) {
    metrics.family(column.name, MetricType::Gauge, column.help);
    for (const auto& [key, figures] : all) {
      metrics.sample({{"slot", std::to_string(key.first)}, {"role", key.second}},
                     figures.*column.value);
    }
  }
  metrics.family("worker_age_seconds", MetricType::Gauge, "Time since the worker was started.");
  for (const auto& [key, figures] : all) {
    metrics.sample({{"slot", std::to_string(key.first)}, {"role", key.second}}, figures.age);
  }
}

// One state a slot: of the worker that serves, else of the one to come, else why there is none.
std::map<std::uint32_t, std::string_view> slot_states(const PoolSnapshot& pool) {
  std::map<std::uint32_t, std::string_view> states;
  for (std::uint32_t slot = 0; slot < pool.size; ++slot) {
    states[slot] = to_text(VacancyState::Empty);
  }
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    states[slot.slot.value] = to_text(slot.state);
  }
  for (const std::string_view role : {"leaving", "replacement", "serving"}) {
    for (const WorkerSnapshot& worker : pool.workers) {
      const bool has_reason_to_be_vacant =
          role == "leaving" && std::any_of(pool.vacant.begin(), pool.vacant.end(), [&](auto& slot) {
            return slot.slot == worker.worker.slot && slot.state != VacancyState::Empty;
          });
      if (role_of(worker) == role && !has_reason_to_be_vacant) {
        states[worker.worker.slot.value] = to_text(worker.state);
      }
    }
  }
  return states;
}

void add_state_metrics(MetricsText& metrics, const PoolSnapshot& pool) {
  metrics.family("workers", MetricType::Gauge, "Workers by state.");
  for (const WorkerState state : kWorkerStates) {
    const auto count = std::count_if(pool.workers.begin(),
                                     pool.workers.end(),
                                     [state](const auto& worker) { return worker.state == state; });
    metrics.sample({{"state", to_text(state)}}, static_cast<std::uint64_t>(count));
  }
  metrics.family(
      "slot_state", MetricType::Gauge, "1 for the state that the slot is in, 0 for others.");
  for (const auto& [slot, current] : slot_states(pool)) {
    const auto add = [&metrics, slot = slot, current = current](std::string_view state) {
      metrics.sample({{"slot", std::to_string(slot)}, {"state", state}},
                     std::uint64_t{state == current ? 1U : 0U});
    };
    for (const WorkerState state : kWorkerStates) {
      add(to_text(state));
    }
    for (const VacancyState state : kVacancyStates) {
      add(to_text(state));
    }
  }
}

void add_rollout_metrics(MetricsText& metrics, const StatusReport& report) {
  const RolloutSnapshot& rollout = report.snapshot.rollout;
  metrics.family("rollout_state", MetricType::Gauge, "1 for the state of the rollout.");
  for (const RolloutState state :
       {RolloutState::Idle, RolloutState::Running, RolloutState::Paused}) {
    metrics.sample({{"state", to_text(state)}}, std::uint64_t{state == rollout.state ? 1U : 0U});
  }
  metrics.single("rollout_workers",
                 MetricType::Gauge,
                 "Workers that the rollout, or the last one, is to replace.",
                 std::uint64_t{rollout.total});
  metrics.single("rollout_workers_replaced",
                 MetricType::Gauge,
                 "Workers that it has replaced.",
                 std::uint64_t{rollout.done});
  metrics.single("rollout_lowest_ready",
                 MetricType::Gauge,
                 "Fewest workers that were ready during the rollout, or the last one.",
                 std::uint64_t{rollout.ledger.lowest_ready});
  metrics.single("rollout_lost_worker_seconds",
                 MetricType::Gauge,
                 "Ready workers missing, times how long, during the rollout, or the last one.",
                 rollout.ledger.lost_worker_seconds);
  if (report.figures != nullptr) {
    metrics.family("rollouts_total", MetricType::Counter, "Rollouts that ended, by result.");
    for (const auto& [result, count] : report.figures->rollouts()) {
      metrics.sample({{"result", result}}, count);
    }
  }
}

void add_restarts(MetricsText& metrics, const StatusReport& report) {
  metrics.single(
      "workers_started_total", MetricType::Counter, "Worker starts.", report.workers_started);
  metrics.family("restarts_total",
                 MetricType::Counter,
                 "Worker ends by cause; a new worker follows unless the pool shrinks or stops.");
  for (int index = 0; index <= static_cast<int>(ExitCause::Unknown); ++index) {
    const std::string cause(to_text(static_cast<ExitCause>(index)));
    const auto found = report.workers_ended.find(cause);
    metrics.sample({{"cause", cause}},
                   found == report.workers_ended.end() ? std::uint64_t{0} : found->second);
  }
}

void add_figures(MetricsText& metrics, const StatusReport& report) {
  const PoolFigures& figures = *report.figures;
  metrics.single("lost_worker_seconds_total",
                 MetricType::Counter,
                 "Ready workers missing, times how long, since the pool was first complete.",
                 figures.lost_worker_seconds(report.now));
  metrics.single("events_total", MetricType::Counter, "Entries of the journal.", figures.events());
  metrics.family("sent_bytes_total", MetricType::Counter, "HTTP/2 bytes to the server, by slot.");
  for (const auto& [slot, traffic] : figures.traffic()) {
    metrics.sample({{"slot", std::to_string(slot.value)}}, traffic.sent);
  }
  metrics.family(
      "received_bytes_total", MetricType::Counter, "HTTP/2 bytes from the server, by slot.");
  for (const auto& [slot, traffic] : figures.traffic()) {
    metrics.sample({{"slot", std::to_string(slot.value)}}, traffic.received);
  }
  const DurationHistogram& probes = figures.probes();
  metrics.family("probe_duration_seconds",
                 MetricType::Histogram,
                 "Time from a probe of a worker's local API to its last answer.");
  for (std::size_t bound = 0; bound < DurationHistogram::kBounds.size(); ++bound) {
    metrics.sample("_bucket", {{"le", kBoundTexts.at(bound)}}, probes.at_most(bound));
  }
  metrics.sample("_bucket", {{"le", "+Inf"}}, probes.count());
  metrics.sample("_sum", {}, probes.sum());
  metrics.sample("_count", {}, probes.count());
  metrics.single("probe_failures_total",
                 MetricType::Counter,
                 "Probes without an answer in time.",
                 figures.probe_failures());
}

// Of the supervisor itself, under the names that every exporter uses.
std::string process_metrics(const StatusReport& report) {
  MetricsText metrics("process_");
  metrics.single("start_time_seconds",
                 MetricType::Gauge,
                 "Start of the supervisor, as unix time.",
                 unix_time(report.started_at));
  metrics.single("resident_memory_bytes",
                 MetricType::Gauge,
                 "Resident memory of the supervisor.",
                 report.supervisor_memory);
  metrics.single("open_fds",
                 MetricType::Gauge,
                 "Open file descriptors of the supervisor.",
                 std::uint64_t{report.supervisor_descriptors});
  return metrics.take();
}

}  // namespace

std::string status_metrics(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  MetricsText metrics("sc_pool_");
  metrics.family("build_info", MetricType::Gauge, "Always 1; the labels say what runs.");
  metrics.sample(
      {{"version", report.version}, {"pool", report.pool}, {"tunnel_name", report.tunnel_name}},
      std::uint64_t{1});
  const auto gauge = [&metrics](const char* name, const char* help, std::uint64_t value) {
    metrics.single(name, MetricType::Gauge, help, value);
  };
  gauge("size", "Workers wished for.", pool.size);
  gauge("ready", "Workers ready for jobs.", pool.ready);
  gauge(
      "minimum_ready", "Fewest ready workers that /readiness takes for ready.", pool.minimum_ready);
  gauge("vacant_slots", "Slots without a worker.", pool.vacant.size());
  gauge("rest_stale", "1 while the REST API cannot be reached.", pool.rest_stale ? 1U : 0U);
  gauge("network_suspected",
        "1 while all workers are unhealthy at once and none is stopped for it.",
        pool.network_suspected ? 1U : 0U);
  gauge("shutting_down", "1 from the order to stop on.", pool.shutting_down ? 1U : 0U);
  metrics.single("worker_max_age_seconds",
                 MetricType::Gauge,
                 "Age at which workers are replaced; 0: never.",
                 seconds(report.max_age));
  add_state_metrics(metrics, pool);
  add_restarts(metrics, report);
  add_rollout_metrics(metrics, report);
  add_worker_metrics(metrics, report);
  if (report.figures != nullptr) {
    add_figures(metrics, report);
  }
  return metrics.take() + process_metrics(report);
}

}  // namespace scpool::supervisor
