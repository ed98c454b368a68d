// The state file's JSON. Instants are nanoseconds on the boot's timeline; enumerators are their
// texts. Written to a string at once: a worker's start waits for it, and it holds every worker.
#include <array>
#include <charconv>
#include <concepts>
#include <nlohmann/json.hpp>
#include <utility>

#include "supervisor/io/state_file.hpp"

namespace scpool::supervisor {
namespace {

bool needs_escapes(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\') {
      return true;
    }
  }
  return false;
}

void append_text(std::string& out, std::string_view text) {
  if (needs_escapes(text)) {
    using Json = nlohmann::json;
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  } else {
    out.append(1, '"').append(text).append(1, '"');
  }
}

// One JSON object, member by member, on one line.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;
  ~ObjectText() { out_ += '}'; }

  void add(std::string_view key, std::string_view text) {
    name(key);
    append_text(out_, text);
  }
  void add(std::string_view key, bool flag) {
    name(key);
    out_ += flag ? "true" : "false";
  }
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void add(std::string_view key, Number number) {
    name(key);
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out_.append(digits.data(), end);
  }
  void add(std::string_view key, Instant instant) {
    add(key, static_cast<std::int64_t>(instant.time_since_epoch().count()));
  }
  std::string& begin(std::string_view key) {
    name(key);
    return out_;
  }

 private:
  void name(std::string_view key) {
    if (!std::exchange(first_, false)) {
      out_ += ',';
    }
    out_.append(1, '"').append(key).append("\":");
  }

  std::string& out_;
  bool first_ = true;
};

void append(std::string& out, const WorkerRecord& record) {
  ObjectText object(out);
  object.add("slot", record.worker.slot.value);
  object.add("generation", record.worker.generation.value);
  object.add("state", to_text(record.state));
  object.add("replacement", record.replacement);
  object.add("started_at", record.started_at);
  object.add("since", record.since);
  object.add("deadline", record.deadline);
  object.add("retire_at", record.retire_at);
  object.add("config", record.config.value);
  object.add("tunnel_id", record.tunnel.value);
  object.add("restart_wished", record.restart_wished);
}

void append(std::string& out, const SlotRecord& record) {
  ObjectText object(out);
  object.add("slot", record.slot.value);
  object.add("state", to_text(record.state));
  object.add("failures", record.failures);
  object.add("next_start", record.next_start);
  if (record.last_cause.has_value()) {
    object.add("last_cause", to_text(*record.last_cause));
  }
}

void append(std::string& out, const RolloutRecord& record) {
  ObjectText object(out);
  object.add("state", to_text(record.state));
  object.add("reason", to_text(record.reason.kind));
  object.add("detail", record.reason.detail);
  object.add("began", record.began);
  object.add("total", record.total);
  object.add("lowest_ready", record.ledger.lowest_ready);
  object.add("lost_worker_s", record.ledger.lost_worker_seconds);
}

void append(std::string& out, const TunnelId& tunnel) {
  append_text(out, tunnel.value);
}

void append(std::string& out, const KnownProcess& known) {
  ObjectText object(out);
  object.add("slot", known.worker.slot.value);
  object.add("generation", known.worker.generation.value);
  object.add("pid", known.pid);
  object.add("start_time", known.start_time);
  object.add("kind", known.kind);
  object.add("kind_since", known.kind_since.text());
  object.add("api_address", known.api_address);
}

// One item a line.
template <class Item>
void add_list(ObjectText& object, std::string_view key, const std::vector<Item>& items) {
  std::string& out = object.begin(key);
  out += "[";
  for (const Item& item : items) {
    out += &item == &items.front() ? "\n " : ",\n ";
    append(out, item);
  }
  out += "]";
}

}  // namespace

std::string state_to_json(const StoredState& state) {
  const PoolRecord& pool = state.pool;
  std::string text;
  text.reserve(1024 + 512 * (pool.workers.size() + state.processes.size()));
  {
    ObjectText root(text);
    root.add("version", kStateVersion);
    root.add("instance", state.instance);
    root.add("boot_id", state.boot_id);
    root.add("next_generation", pool.next_generation);
    root.add("size", pool.size);
    root.add("proven_config", pool.proven_config.value);
    root.add("shutting_down", pool.shutting_down);
    append(root.begin("rollout"), pool.rollout);
    add_list(root, "workers", pool.workers);
    add_list(root, "slots", pool.slots);
    add_list(root, "condemned", pool.condemned);
    add_list(root, "processes", state.processes);
  }
  return text + "\n";
}

}  // namespace scpool::supervisor
