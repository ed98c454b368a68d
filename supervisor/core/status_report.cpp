#include "supervisor/core/status_report.hpp"

#include <algorithm>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

double seconds(Duration duration) {
  // Tenths: finer is noise in a report.
  const auto tenths = duration / std::chrono::milliseconds{100};
  return static_cast<double>(tenths) / 10.0;
}

Json worker_json(const WorkerSnapshot& worker, const StatusReport& report, Audience audience) {
  Json item = {{"slot", worker.worker.slot.value},
               {"generation", worker.worker.generation.value},
               {"pid", nullptr},
               {"state", to_text(worker.state)},
               {"tunnel_id", worker.tunnel.empty() ? Json() : Json(worker.tunnel.value)},
               {"started_at", nullptr},
               {"age_s", seconds(report.now - worker.started_at)},
               {"state_s", seconds(report.now - worker.since)},
               {"jobs", worker.jobs},
               {"streams", worker.streams},
               {"connections", worker.connections},
               {"suspended_connections", worker.suspended_connections},
               {"memory_bytes", worker.memory},
               {"descriptors", worker.descriptors},
               {"replacement", worker.replacement},
               {"ready_local", worker.local_ready},
               {"ready_server", nullptr},
               {"reason", to_text(worker.reason)}};
  if (worker.server_ready.has_value()) {
    item["ready_server"] = *worker.server_ready;
  }
  if (worker.next_deadline != kNever) {
    item["next_s"] = seconds(worker.next_deadline - report.now);
    item["next"] = worker.deadline_means;
  }
  const auto facts = report.facts.find(worker.worker);
  if (facts != report.facts.end()) {
    item["pid"] = facts->second.pid;
    item["started_at"] = rfc3339(facts->second.started_at);
    if (audience == Audience::Owner) {
      item["log"] = facts->second.log_file;
      item["api_socket"] = facts->second.api_socket;
    }
  }
  return item;
}

Json vacant_json(const VacantSlotSnapshot& slot, const StatusReport& report, Audience audience) {
  Json item = {{"slot", slot.slot.value},
               {"generation", nullptr},
               {"pid", nullptr},
               {"state", to_text(slot.state)},
               {"tunnel_id", nullptr},
               {"started_at", nullptr},
               {"age_s", nullptr},
               {"state_s", seconds(report.now - slot.since)},
               {"jobs", 0},
               {"streams", 0},
               {"failures", slot.failures},
               {"waits_for_trial", slot.waits_for_trial},
               {"reason", slot.last_cause ? std::string(to_text(*slot.last_cause)) : ""}};
  if (slot.next_start != kNever) {
    item["next_s"] = std::max(0.0, seconds(slot.next_start - report.now));
    item["next"] = "started";
  }
  if (audience == Audience::Owner) {
    item["last_lines"] = slot.last_lines;
  }
  return item;
}

Json rollout_json(const RolloutSnapshot& rollout, const StatusReport& report) {
  Json item = {{"state", to_text(rollout.state)},
               {"done", rollout.done},
               {"total", rollout.total},
               {"lowest_ready", rollout.ledger.lowest_ready},
               {"lost_worker_s", rollout.ledger.lost_worker_seconds},
               {"one_out_one_in", rollout.one_out_one_in},
               {"reason", nullptr}};
  if (rollout.state != RolloutState::Idle) {
    item["reason"] = to_text(rollout.reason);
    item["running_s"] = seconds(report.now - rollout.began);
  }
  return item;
}

Json local_json(const LocalFacts& local) {
  return {{"rest_url", local.rest_url},
          {"ca_file", local.ca_file},
          {"user", local.user},
          {"access_key_file", local.access_key_file},
          {"ingress_url", local.ingress_url},
          {"open_ingress_url", local.open_ingress_url},
          {"ingress_credential", local.ingress_credential.reveal()}};
}

std::uint32_t count_state(const PoolSnapshot& snapshot, WorkerState state) {
  return static_cast<std::uint32_t>(
      std::count_if(snapshot.workers.begin(), snapshot.workers.end(), [state](const auto& worker) {
        return worker.state == state;
      }));
}

std::uint32_t count_vacancy(const PoolSnapshot& snapshot, VacancyState state) {
  return static_cast<std::uint32_t>(
      std::count_if(snapshot.vacant.begin(), snapshot.vacant.end(), [state](const auto& slot) {
        return slot.state == state;
      }));
}

void add_slot_number(const Json& left, std::vector<std::pair<std::uint32_t, Json>>& out) {
  out.emplace_back(left.at("slot").get<std::uint32_t>(), left);
}

}  // namespace

PoolCondition condition(const PoolSnapshot& snapshot) {
  if (snapshot.shutting_down) {
    return PoolCondition::Stopping;
  }
  if (snapshot.ready >= snapshot.size) {
    return PoolCondition::Ready;
  }
  if (snapshot.ready > 0 || count_state(snapshot, WorkerState::Unhealthy) > 0) {
    return PoolCondition::Degraded;
  }
  return count_vacancy(snapshot, VacancyState::Failed) > 0 ? PoolCondition::Failed
                                                           : PoolCondition::Starting;
}

std::string_view to_text(PoolCondition condition) {
  switch (condition) {
    case PoolCondition::Starting:
      return "starting";
    case PoolCondition::Ready:
      return "ready";
    case PoolCondition::Degraded:
      return "degraded";
    case PoolCondition::Failed:
      return "failed";
    case PoolCondition::Stopping:
      return "stopping";
  }
  return "";
}

bool has_minimum(const PoolSnapshot& snapshot) {
  return !snapshot.shutting_down && snapshot.ready >= snapshot.minimum_ready;
}

std::string status_json(const StatusReport& report, Audience audience) {
  const PoolSnapshot& pool = report.snapshot;
  std::vector<std::pair<std::uint32_t, Json>> slots;
  for (const WorkerSnapshot& worker : pool.workers) {
    add_slot_number(worker_json(worker, report, audience), slots);
  }
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    add_slot_number(vacant_json(slot, report, audience), slots);
  }
  std::stable_sort(slots.begin(), slots.end(), [](const auto& left, const auto& right) {
    return left.first < right.first;
  });
  Json workers = Json::array();
  for (auto& [slot, item] : slots) {
    workers.push_back(std::move(item));
  }
  Json supervisor = {{"pid", report.supervisor_pid},
                     {"version", report.version},
                     {"started_at", rfc3339(report.started_at)}};
  Json root = {
      {"pool", report.pool},
      {"tunnel_name", report.tunnel_name},
      {"size", pool.size},
      {"ready", pool.ready},
      {"minimum_ready", pool.minimum_ready},
      {"state", to_text(condition(pool))},
      {"draining", pool.draining},
      {"rest_stale", pool.rest_stale},
      {"network_suspected", pool.network_suspected},
      {"pool_cause", pool.pool_cause ? Json(to_text(*pool.pool_cause)) : Json()},
      {"workers", std::move(workers)},
      {"rollout", rollout_json(pool.rollout, report)},
      {"api_url", report.api_address.empty() ? Json() : Json("http://" + report.api_address)}};
  if (audience == Audience::Owner) {
    supervisor["log"] = report.log_file;
    supervisor["socket"] = report.control_socket;
    supervisor["config_file"] = report.config_file.empty() ? Json() : Json(report.config_file);
    root["log_directory"] = report.log_directory;
    if (report.local.has_value()) {
      root["local"] = local_json(*report.local);
    }
  }
  root["supervisor"] = std::move(supervisor);
  return json_text(root, 2) + "\n";
}

std::string status_line(const PoolSnapshot& snapshot) {
  std::string line = std::to_string(snapshot.ready) + " of " + std::to_string(snapshot.size) +
                     (snapshot.size == 1 ? " worker ready" : " workers ready");
  constexpr WorkerState kShown[] = {
      WorkerState::Starting, WorkerState::Unhealthy, WorkerState::Draining, WorkerState::Stopping};
  for (const WorkerState state : kShown) {
    if (const std::uint32_t count = count_state(snapshot, state); count > 0) {
      line += ", " + std::to_string(count) + " " + std::string(to_text(state));
    }
  }
  for (const VacancyState state : {VacancyState::Backoff, VacancyState::Failed}) {
    if (const std::uint32_t count = count_vacancy(snapshot, state); count > 0) {
      line += ", " + std::to_string(count) + (state == VacancyState::Backoff ? " in " : " ") +
              std::string(to_text(state));
    }
  }
  if (snapshot.pool_cause.has_value()) {
    line += " (" + std::string(to_text(*snapshot.pool_cause)) + ")";
  }
  return line;
}

}  // namespace scpool::supervisor
