// The state file's JSON. Instants are nanoseconds on the boot's timeline; enumerators are their
// texts; a field that is missing keeps its default, so that an older file can be read.
#include <optional>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "supervisor/io/state_file.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 1;

template <class Enum>
void read_enum(const Json& object, const char* key, Enum last, Enum& out) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return;
  }
  for (int index = 0; index <= static_cast<int>(last); ++index) {
    if (to_text(static_cast<Enum>(index)) == found->get<std::string>()) {
      out = static_cast<Enum>(index);
    }
  }
}

template <class Number>
void read_number(const Json& object, const char* key, Number& out) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_number()) {
    out = found->get<Number>();
  }
}

void read_instant(const Json& object, const char* key, Instant& out) {
  Duration::rep ticks = out.time_since_epoch().count();
  read_number(object, key, ticks);
  out = Instant{Duration{ticks}};
}

void read_text(const Json& object, const char* key, std::string& out) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_string()) {
    out = found->get<std::string>();
  }
}

void read_flag(const Json& object, const char* key, bool& out) {
  const auto found = object.find(key);
  if (found != object.end() && found->is_boolean()) {
    out = found->get<bool>();
  }
}

const Json& list_at(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::int64_t ticks(Instant instant) {
  return instant.time_since_epoch().count();
}

Json to_json(const WorkerRecord& record) {
  return {{"slot", record.worker.slot.value},
          {"generation", record.worker.generation.value},
          {"state", to_text(record.state)},
          {"replacement", record.replacement},
          {"started_at", ticks(record.started_at)},
          {"since", ticks(record.since)},
          {"deadline", ticks(record.deadline)},
          {"retire_at", ticks(record.retire_at)},
          {"config", record.config.value},
          {"tunnel_id", record.tunnel.value},
          {"restart_wished", record.restart_wished}};
}

WorkerRecord to_worker(const Json& item) {
  WorkerRecord record;
  read_number(item, "slot", record.worker.slot.value);
  read_number(item, "generation", record.worker.generation.value);
  read_enum(item, "state", WorkerState::Exited, record.state);
  read_flag(item, "replacement", record.replacement);
  read_instant(item, "started_at", record.started_at);
  read_instant(item, "since", record.since);
  read_instant(item, "deadline", record.deadline);
  read_instant(item, "retire_at", record.retire_at);
  read_number(item, "config", record.config.value);
  read_text(item, "tunnel_id", record.tunnel.value);
  read_flag(item, "restart_wished", record.restart_wished);
  return record;
}

Json to_json(const SlotRecord& record) {
  Json item = {{"slot", record.slot.value},
               {"state", to_text(record.state)},
               {"failures", record.failures},
               {"next_start", ticks(record.next_start)}};
  if (record.last_cause.has_value()) {
    item["last_cause"] = to_text(*record.last_cause);
  }
  return item;
}

SlotRecord to_slot(const Json& item) {
  SlotRecord record;
  read_number(item, "slot", record.slot.value);
  read_enum(item, "state", VacancyState::Failed, record.state);
  read_number(item, "failures", record.failures);
  read_instant(item, "next_start", record.next_start);
  if (item.contains("last_cause")) {
    ExitCause cause = ExitCause::Unknown;
    read_enum(item, "last_cause", ExitCause::Unknown, cause);
    record.last_cause = cause;
  }
  return record;
}

Json to_json(const RolloutRecord& record) {
  return {{"state", to_text(record.state)},
          {"reason", to_text(record.reason.kind)},
          {"detail", record.reason.detail},
          {"began", ticks(record.began)},
          {"total", record.total},
          {"lowest_ready", record.ledger.lowest_ready},
          {"lost_worker_s", record.ledger.lost_worker_seconds}};
}

RolloutRecord to_rollout(const Json& item) {
  RolloutRecord record;
  read_enum(item, "state", RolloutState::Paused, record.state);
  read_enum(item, "reason", ReasonKind::StateChanged, record.reason.kind);
  read_text(item, "detail", record.reason.detail);
  read_instant(item, "began", record.began);
  read_number(item, "total", record.total);
  read_number(item, "lowest_ready", record.ledger.lowest_ready);
  read_number(item, "lost_worker_s", record.ledger.lost_worker_seconds);
  return record;
}

template <class List, class Convert>
Json list_of(const List& list, Convert convert) {
  Json items = Json::array();
  for (const auto& each : list) {
    items.push_back(convert(each));
  }
  return items;
}

PoolRecord to_pool(const Json& root) {
  PoolRecord pool;
  read_number(root, "next_generation", pool.next_generation);
  read_number(root, "size", pool.size);
  read_number(root, "proven_config", pool.proven_config.value);
  read_flag(root, "shutting_down", pool.shutting_down);
  if (const auto rollout = root.find("rollout"); rollout != root.end() && rollout->is_object()) {
    pool.rollout = to_rollout(*rollout);
  }
  for (const Json& item : list_at(root, "workers")) {
    pool.workers.push_back(to_worker(item));
  }
  for (const Json& item : list_at(root, "slots")) {
    pool.slots.push_back(to_slot(item));
  }
  for (const Json& item : list_at(root, "condemned")) {
    if (item.is_string()) {
      pool.condemned.push_back(TunnelId{item.get<std::string>()});
    }
  }
  return pool;
}

}  // namespace

std::string state_to_json(const StoredState& state) {
  const PoolRecord& pool = state.pool;
  const Json root = {
      {"version", kFormatVersion},
      {"instance", state.instance},
      {"boot_id", state.boot_id},
      {"next_generation", pool.next_generation},
      {"size", pool.size},
      {"proven_config", pool.proven_config.value},
      {"shutting_down", pool.shutting_down},
      {"rollout", to_json(pool.rollout)},
      {"workers", list_of(pool.workers, [](const WorkerRecord& each) { return to_json(each); })},
      {"slots", list_of(pool.slots, [](const SlotRecord& each) { return to_json(each); })},
      {"condemned", list_of(pool.condemned, [](const TunnelId& id) { return id.value; })},
      {"processes", list_of(state.processes, [](const KnownProcess& known) {
         return Json{{"slot", known.worker.slot.value},
                     {"generation", known.worker.generation.value},
                     {"pid", known.pid},
                     {"start_time", known.start_time},
                     {"kind", known.kind},
                     {"kind_since", known.kind_since.text()},
                     {"api_address", known.api_address}};
       })}};
  return json_text(root, 1) + "\n";
}

std::optional<StoredState> state_from_json(const std::string& text) {
  const Json root = parse_json(text);
  int version = 0;
  if (root.is_object()) {
    read_number(root, "version", version);
  }
  const bool readable = version == kFormatVersion && root.contains("next_generation") &&
                        root["next_generation"].is_number_unsigned() &&
                        root.contains("processes") && root["processes"].is_array();
  if (!readable) {
    return std::nullopt;
  }
  StoredState state;
  read_text(root, "instance", state.instance);
  read_text(root, "boot_id", state.boot_id);
  state.pool = to_pool(root);
  for (const Json& item : root["processes"]) {
    KnownProcess known;
    read_number(item, "slot", known.worker.slot.value);
    read_number(item, "generation", known.worker.generation.value);
    read_number(item, "pid", known.pid);
    read_number(item, "start_time", known.start_time);
    read_text(item, "kind", known.kind);
    read_text(item, "api_address", known.api_address);
    std::string since;
    read_text(item, "kind_since", since);
    known.kind_since = parse_program_version(since).value_or(ProgramVersion{});
    if (known.pid <= 1 || known.start_time == 0) {
      return std::nullopt;
    }
    state.processes.push_back(known);
  }
  return state;
}

}  // namespace scpool::supervisor
