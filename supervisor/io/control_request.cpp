#include "supervisor/io/control_request.hpp"

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr double kMaxSeconds = 366.0 * 24 * 3600;
constexpr std::uint32_t kMaxSize = 1000;
constexpr Duration kLeastConfirmTime = std::chrono::seconds{1};
constexpr Duration kMostConfirmTime = std::chrono::minutes{10};

Error invalid(const std::string& sentence) {
  return {ErrorKind::Invalid, sentence};
}

// A duration in seconds; nothing when the key is missing.
Result<std::optional<Duration>> seconds_at(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) {
    return std::optional<Duration>{};
  }
  if (!found->is_number() || found->get<double>() < 0 || found->get<double>() > kMaxSeconds) {
    return invalid(std::string(key) + ": a number of seconds is wanted");
  }
  return std::optional(
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(found->get<double>())));
}

Result<bool> flag_at(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) {
    return false;
  }
  return found->is_boolean()
             ? Result<bool>(found->get<bool>())
             : Result<bool>(invalid(std::string(key) + ": true or false is wanted"));
}

Result<ControlRequest> parse_down(const Json& body) {
  const auto now = flag_at(body, "now");
  const auto limit = seconds_at(body, "timeout_s");
  if (!now) {
    return now.error();
  }
  if (!limit) {
    return limit.error();
  }
  ControlRequest request;
  request.stop = now.value() ? StopUrgency::Now : StopUrgency::Drain;
  request.limit = limit.value();
  request.done = now.value() ? "stopping now" : "draining";
  return request;
}

Result<ControlRequest> parse_restart(const Json& body, Instant now) {
  RestartRequested restart;
  const auto older = seconds_at(body, "older_than_s");
  const auto at_once = flag_at(body, "at_once");
  if (!older) {
    return older.error();
  }
  if (!at_once) {
    return at_once.error();
  }
  restart.before = now - older.value().value_or(Duration::zero());
  restart.style = at_once.value() ? RestartStyle::AtOnce : RestartStyle::Rolling;
  const auto slots = body.find("slots");
  if (slots != body.end() && !slots->is_null()) {
    if (!slots->is_array()) {
      return invalid("slots: a list of numbers is wanted");
    }
    for (const Json& slot : *slots) {
      if (!slot.is_number_unsigned() || slot.get<std::uint64_t>() > kMaxSize) {
        return invalid("slots: a list of numbers is wanted");
      }
      restart.slots.push_back({slot.get<std::uint32_t>()});
    }
  }
  ControlRequest request;
  request.slots = restart.slots;
  request.event = std::move(restart);
  request.done = at_once.value() ? "restarting at once" : "rolling restart requested";
  return request;
}

Result<ControlRequest> parse_scale(const Json& body) {
  const auto size = body.find("size");
  if (size == body.end() || !size->is_number_unsigned() || size->get<std::uint64_t>() < 1 ||
      size->get<std::uint64_t>() > kMaxSize) {
    return invalid("size: a number from 1 to " + std::to_string(kMaxSize) + " is wanted");
  }
  ControlRequest request;
  request.event = ScaleRequested{size->get<std::uint32_t>()};
  request.done = "scaling to " + std::to_string(size->get<std::uint32_t>());
  return request;
}

Result<ControlRequest> parse_drain(const Json& body) {
  const auto slot = body.find("slot");
  if (slot == body.end() || !slot->is_number_unsigned() || slot->get<std::uint64_t>() > kMaxSize) {
    return invalid("slot: a number is wanted");
  }
  ControlRequest request;
  request.slots = {{slot->get<std::uint32_t>()}};
  request.event = DrainRequested{request.slots.front()};
  request.done = "draining slot " + std::to_string(slot->get<std::uint32_t>());
  return request;
}

Result<ControlRequest> parse_upgrade(const Json& body) {
  UpgradeOrder order;
  const auto program = body.find("program");
  if (program != body.end() && !program->is_null()) {
    if (!program->is_string() || !program->get<std::string>().starts_with('/')) {
      return invalid("program: an absolute path is wanted");
    }
    order.program = program->get<std::string>();
  }
  const auto limit = seconds_at(body, "confirm_within_s");
  if (!limit) {
    return limit.error();
  }
  order.confirm_within = limit.value().value_or(order.confirm_within);
  if (order.confirm_within < kLeastConfirmTime || order.confirm_within > kMostConfirmTime) {
    return invalid("confirm_within_s: from 1 to 600");
  }
  ControlRequest request;
  request.upgrade = order;
  request.done = "the new program is asked to read the pool's state";
  return request;
}

std::optional<ControlRequest> parse_rollout(const std::string& path) {
  constexpr std::pair<std::string_view, RolloutCommand> kCommands[] = {
      {"/v1/rollout/pause", RolloutCommand::Pause},
      {"/v1/rollout/resume", RolloutCommand::Resume},
      {"/v1/rollout/cancel", RolloutCommand::Cancel}};
  for (const auto& [known, command] : kCommands) {
    if (path == known) {
      ControlRequest request;
      request.event = RolloutCommanded{command};
      request.done = "rollout: " + std::string(known.substr(known.rfind('/') + 1));
      return request;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<ControlRequest> parse_control_request(const std::string& path,
                                             const std::string& body,
                                             Instant now) {
  const Json root = trim(body).empty() ? Json::object() : parse_json(body);
  if (!root.is_object()) {
    return invalid("the body must be a JSON object");
  }
  if (path == "/v1/down") {
    return parse_down(root);
  }
  if (path == "/v1/restart") {
    return parse_restart(root, now);
  }
  if (path == "/v1/scale") {
    return parse_scale(root);
  }
  if (path == "/v1/drain") {
    return parse_drain(root);
  }
  if (path == "/v1/reload") {
    ControlRequest request;
    request.reload = true;
    return request;
  }
  if (path == "/v1/upgrade") {
    return parse_upgrade(root);
  }
  if (auto rollout = parse_rollout(path)) {
    return std::move(*rollout);
  }
  return Error(ErrorKind::NotFound, "no such command: " + path);
}

Result<PlanWish> parse_plan_wish(const std::string& what, const std::string& body, Instant now) {
  PlanWish wish;
  if (what == "reload") {
    wish.what = PlanWish::What::Reload;
    return wish;
  }
  if (what != "restart" && what != "scale") {
    return Error(ErrorKind::NotFound, "there are plans for restart, reload and scale");
  }
  auto request = parse_control_request("/v1/" + what, body, now);
  if (!request) {
    return request.error();
  }
  if (auto* restart = std::get_if<RestartRequested>(&request.value().event)) {
    wish.restart = std::move(*restart);
  } else {
    wish.what = PlanWish::What::Scale;
    wish.size = std::get<ScaleRequested>(request.value().event).size;
  }
  return wish;
}

std::string message_json(const std::string& message) {
  return json_text(Json{{"message", message}}) + "\n";
}

}  // namespace scpool::supervisor
