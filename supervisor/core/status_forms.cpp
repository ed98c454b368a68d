// Metrics and the page of a status report.
#include <algorithm>

#include "common/base/metrics_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {
namespace {

std::string html(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

void add_worker_metrics(MetricsText& metrics, const PoolSnapshot& pool) {
  struct Column {
    const char* name;
    const char* help;
    std::uint64_t (*value)(const WorkerSnapshot&);
  };
  const Column columns[] = {
      {"worker_jobs",
       "Jobs running on the worker.",
       [](const WorkerSnapshot& worker) { return std::uint64_t{worker.jobs}; }},
      {"worker_streams",
       "Open streams.",
       [](const WorkerSnapshot& worker) { return std::uint64_t{worker.streams}; }},
      {"worker_memory_bytes",
       "Resident memory.",
       [](const WorkerSnapshot& worker) { return worker.memory; }},
      {"worker_descriptors", "Open descriptors.", [](const WorkerSnapshot& worker) {
         return std::uint64_t{worker.descriptors};
       }}};
  for (const Column& column : columns) {
    metrics.family(column.name, MetricType::Gauge, column.help);
    for (const WorkerSnapshot& worker : pool.workers) {
      metrics.sample({{"slot", std::to_string(worker.worker.slot.value)},
                      {"generation", std::to_string(worker.worker.generation.value)}},
                     column.value(worker));
    }
  }
}

std::string page_row(const WorkerSnapshot& worker, const StatusReport& report) {
  const auto facts = report.facts.find(worker.worker);
  const std::string pid = facts == report.facts.end() ? "" : std::to_string(facts->second.pid);
  std::string row = "<tr><td>" + std::to_string(worker.worker.slot.value);
  row += "<td class=" + std::string(to_text(worker.state)) + ">";
  row += std::string(to_text(worker.state)) + "<td>" + pid;
  row += "<td>" + std::to_string(worker.worker.generation.value);
  row += "<td>" + rough_duration(report.now - worker.started_at);
  row += "<td>" + std::to_string(worker.jobs) + "<td>" + std::to_string(worker.streams);
  row += "<td>" + size_text(worker.memory);
  row += "<td><code>" + html(worker.tunnel.value) + "</code><td>" + html(to_text(worker.reason));
  return row + "\n";
}

std::string vacant_row(const VacantSlotSnapshot& slot, const StatusReport& report) {
  std::string row = "<tr><td>" + std::to_string(slot.slot.value);
  row += "<td class=" + std::string(to_text(slot.state)) + ">" + std::string(to_text(slot.state));
  row += "<td><td><td><td><td><td><td><td>";
  if (slot.last_cause.has_value()) {
    row += html(to_text(*slot.last_cause));
  }
  if (slot.next_start != kNever && slot.next_start > report.now) {
    row += ", next try in " + rough_duration(slot.next_start - report.now);
  }
  return row + "\n";
}

constexpr std::string_view kPageHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } p { margin: .3rem 0 1.2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8883 }
th { font-weight: 500; opacity: .65 } code { font-size: .85em }
.ready { color: #18864b } .starting, .draining, .stopping, .backoff { color: #b07a00 }
.unhealthy, .failed, .degraded { color: #c8322b }
</style>
)";

}  // namespace

std::string status_metrics(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  MetricsText metrics("sc_pool_");
  metrics.family("version", MetricType::Gauge, "Always 1; the label is the version.");
  metrics.sample({{"version", report.version}}, std::uint64_t{1});
  metrics.single("size", MetricType::Gauge, "Workers wished for.", std::uint64_t{pool.size});
  metrics.single("ready", MetricType::Gauge, "Workers ready for jobs.", std::uint64_t{pool.ready});
  metrics.single("minimum_ready",
                 MetricType::Gauge,
                 "Fewest ready workers.",
                 std::uint64_t{pool.minimum_ready});
  metrics.family("workers", MetricType::Gauge, "Workers by state.");
  for (int index = 0; index <= static_cast<int>(WorkerState::Stopping); ++index) {
    const auto state = static_cast<WorkerState>(index);
    metrics.sample({{"state", to_text(state)}},
                   static_cast<std::uint64_t>(std::count_if(
                       pool.workers.begin(), pool.workers.end(), [state](const auto& worker) {
                         return worker.state == state;
                       })));
  }
  metrics.single("vacant_slots",
                 MetricType::Gauge,
                 "Slots without a worker.",
                 std::uint64_t{pool.vacant.size()});
  metrics.single("rest_stale",
                 MetricType::Gauge,
                 "1 while the REST API cannot be reached.",
                 std::uint64_t{pool.rest_stale ? 1U : 0U});
  metrics.single(
      "workers_started_total", MetricType::Counter, "Worker starts.", report.workers_started);
  metrics.family("workers_ended_total", MetricType::Counter, "Worker ends by cause.");
  for (const auto& [cause, count] : report.workers_ended) {
    metrics.sample({{"cause", cause}}, count);
  }
  add_worker_metrics(metrics, pool);
  return metrics.take();
}

std::string status_page(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  const std::string word(to_text(condition(pool)));
  std::string page(kPageHead);
  page +=
      "<title>" + html(report.pool) + ": " + word + "</title></head><body>\n<h1>Pool " +
      html(report.pool) + " <span class=" + word + ">" + word + "</span></h1>\n<p>" +
      html(status_line(pool)) + " · tunnel name <code>" + html(report.tunnel_name) +
      "</code> · up " +
      rough_duration(std::chrono::duration_cast<Duration>(report.wall_now - report.started_at)) +
      "</p>\n<table><tr><th>Slot<th>State<th>PID<th>Generation<th>Age<th>Jobs<th>Streams"
      "<th>Memory<th>Tunnel<th>Why\n";
  for (const WorkerSnapshot& worker : pool.workers) {
    page += page_row(worker, report);
  }
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    page += vacant_row(slot, report);
  }
  if (pool.rollout.state != RolloutState::Idle) {
    page += "</table>\n<p>Rollout " + std::string(to_text(pool.rollout.state)) + ": " +
            std::to_string(pool.rollout.done) + " of " + std::to_string(pool.rollout.total) + ", " +
            html(to_text(pool.rollout.reason)) + "</p>";
  } else {
    page += "</table>\n";
  }
  return page + "<p>sc-pool " + html(report.version) + " · " + rfc3339(report.wall_now) +
         " · <a href=\"/info\">info</a> · <a href=\"/metrics\">metrics</a> · "
         "<a href=\"/configz\">configuration</a></p></body></html>\n";
}

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
