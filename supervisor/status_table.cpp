#include "supervisor/status_table.hpp"

#include <cstdio>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTableWidth = 100;
constexpr std::size_t kShortId = 8;

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<double> number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::uint64_t count_at(const Json& object, const char* key) {
  return static_cast<std::uint64_t>(number_at(object, key).value_or(0.0));
}

Json object_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

std::string number_text(const Json& object, const char* key) {
  return number_at(object, key) ? std::to_string(count_at(object, key)) : "-";
}

std::string duration_at(const Json& object, const char* key) {
  const auto seconds = number_at(object, key);
  return seconds
             ? rough_duration(std::chrono::milliseconds{static_cast<std::int64_t>(*seconds * 1000)})
             : "-";
}

Style style_of(const std::string& state) {
  if (state == "ready") {
    return Style::Good;
  }
  if (state == "unhealthy" || state == "failed" || state == "degraded") {
    return Style::Bad;
  }
  return Style::Warning;
}

// Why it is as it is; for what waits, what comes next.
std::string why(const Json& worker) {
  std::string text = text_at(worker, "reason");
  if (text_at(worker, "state") != "ready" && number_at(worker, "next_s")) {
    text += (text.empty() ? "" : "; ") + text_at(worker, "next") + " in " +
            duration_at(worker, "next_s");
  }
  return text;
}

std::string row(const Json& worker, const Terminal& terminal) {
  const std::string state = text_at(worker, "state");
  const std::uint64_t memory = count_at(worker, "memory_bytes");
  const std::string tunnel = text_at(worker, "tunnel_id");
  std::string line = padded(number_text(worker, "slot"), 5);
  line += terminal.styled(style_of(state), padded(state, 10));
  line += padded(number_text(worker, "pid"), 9);
  line += padded(number_text(worker, "generation"), 5);
  line += padded(duration_at(worker, "age_s"), 8);
  line += padded(number_text(worker, "jobs"), 6);
  line += padded(number_text(worker, "streams"), 9);
  line += padded(memory > 0 ? size_text(memory) : "-", 11);
  line += padded(tunnel.empty() ? "-" : tunnel.substr(0, kShortId), 10);
  line += why(worker);
  return cut_to(line, kTableWidth);
}

std::string headline(const Json& root, const Terminal& terminal) {
  const std::string state = text_at(root, "state");
  std::string line = "Pool " + terminal.styled(Style::Strong, text_at(root, "pool")) + " is " +
                     terminal.styled(style_of(state), state) + ": " + number_text(root, "ready") +
                     " of " + number_text(root, "size") + " workers ready, tunnel name " +
                     text_at(root, "tunnel_name");
  return line;
}

std::string notes(const Json& root, const Terminal& terminal) {
  std::string text;
  const auto note = [&text, &terminal](Style style, const std::string& sentence) {
    text += terminal.styled(style, sentence) + "\n";
  };
  if (const std::string cause = text_at(root, "pool_cause"); !cause.empty()) {
    note(Style::Bad, "The same failure in several workers: " + cause);
  }
  if (root.value("rest_stale", false)) {
    note(Style::Warning, "The REST API cannot be reached; what it said is old.");
  }
  if (root.value("network_suspected", false)) {
    note(Style::Warning, "Every worker is unhealthy: the network or the server is suspected.");
  }
  const auto facts = parse_status(json_text(root));
  if (facts.ok() && facts.value().rollout_state != "idle") {
    note(Style::Plain, rollout_sentence(facts.value()));
  }
  if (const std::string proxy = text_at(object_at(root, "local"), "open_ingress_url");
      !proxy.empty()) {
    note(Style::Faint, "Proxy " + proxy + "  ·  status page " + text_at(root, "api_url"));
  }
  return text;
}

}  // namespace

Result<StatusFacts> parse_status(const std::string& json) {
  const Json root = parse_json(json);
  if (!root.is_object() || !root.contains("workers") || !root["workers"].is_array()) {
    return Error(ErrorKind::Invalid, "the supervisor's answer is not a pool's status");
  }
  StatusFacts facts;
  facts.pool = text_at(root, "pool");
  facts.state = text_at(root, "state");
  facts.size = count_at(root, "size");
  facts.ready = count_at(root, "ready");
  for (const Json& worker : root["workers"]) {
    facts.worker_count += number_at(worker, "pid") ? 1U : 0U;
    facts.jobs += count_at(worker, "jobs");
    facts.streams += count_at(worker, "streams");
  }
  const Json supervisor = object_at(root, "supervisor");
  facts.supervisor_pid = static_cast<int>(count_at(supervisor, "pid"));
  facts.supervisor_log = text_at(supervisor, "log");
  facts.log_directory = text_at(root, "log_directory");
  const Json rollout = object_at(root, "rollout");
  facts.rollout_state = text_at(rollout, "state");
  facts.rollout_done = count_at(rollout, "done");
  facts.rollout_total = count_at(rollout, "total");
  facts.rollout_reason = text_at(rollout, "reason");
  facts.lowest_ready = count_at(rollout, "lowest_ready");
  facts.lost_worker_seconds = number_at(rollout, "lost_worker_s").value_or(0.0);
  return facts;
}

std::string rollout_sentence(const StatusFacts& facts) {
  if (facts.rollout_total == 0) {
    return "No rollout has run since the supervisor began.";
  }
  const std::string state = facts.rollout_state == "idle" ? "done" : facts.rollout_state;
  std::string text = "Rollout " + state + ": " + std::to_string(facts.rollout_done) + " of " +
                     std::to_string(facts.rollout_total) + " replaced, never fewer than " +
                     std::to_string(facts.lowest_ready) + " ready, " +
                     rough_duration(std::chrono::milliseconds{
                         static_cast<std::int64_t>(facts.lost_worker_seconds * 1000)}) +
                     " of worker time lost";
  return facts.rollout_reason.empty() ? text : text + " (" + facts.rollout_reason + ")";
}

std::string status_table(const std::string& json, const Terminal& terminal) {
  const Json root = parse_json(json);
  if (!root.is_object() || !root.contains("workers")) {
    return "the supervisor's answer is not a pool's status\n";
  }
  std::string text = cut_to(headline(root, terminal), kTableWidth) + "\n\n";
  text +=
      terminal.styled(Style::Faint,
                      "SLOT STATE     PID      GEN  AGE     JOBS  STREAMS  MEMORY     TUNNEL    "
                      "WHY") +
      "\n";
  for (const Json& worker : root["workers"]) {
    text += row(worker, terminal) + "\n";
  }
  const std::string more = notes(root, terminal);
  return more.empty() ? text : text + "\n" + more;
}

}  // namespace scpool::supervisor
