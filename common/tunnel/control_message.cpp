#include "common/tunnel/control_message.hpp"

#include <algorithm>
#include <limits>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/limits.hpp"

namespace scpool {
namespace {

using nlohmann::json;

// Longer deadlines than this are as good as none, and their nanoseconds always fit.
constexpr std::uint64_t kMaxDeadlineMs = 30ULL * 24 * 3600 * 1000;

Error broken(std::string_view what) {
  return {ErrorKind::Protocol, "control message: " + std::string(what)};
}

json to_object(const control::Ready& /*message*/) {
  return {{"type", "ready"}};
}

json to_object(const control::Drain& message) {
  const auto deadline = std::chrono::duration_cast<std::chrono::milliseconds>(message.deadline);
  return {{"type", "drain"}, {"reason", message.reason}, {"deadline_ms", deadline.count()}};
}

json to_object(const control::Drained& /*message*/) {
  return {{"type", "drained"}};
}

json to_object(const control::Sync& message) {
  return {{"type", "sync"}, {"streams", message.streams}};
}

json to_object(const control::Stats& message) {
  return {{"type", "stats"}, {"jobs", message.jobs}};
}

json to_object(const control::Delete& message) {
  return {{"type", "delete"}, {"reason", message.reason}};
}

std::string text_of(const json& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

Result<std::optional<ControlMessage>> sync_of(const json& object) {
  const auto streams = object.find("streams");
  if (streams == object.end() || !streams->is_array()) {
    return broken("sync without a list of streams");
  }
  control::Sync message;
  message.streams.reserve(streams->size());
  for (const json& id : *streams) {
    if (!id.is_number_unsigned() ||
        id.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int32_t>::max()}) {
      return broken("sync with something that is no stream id");
    }
    message.streams.push_back(id.get<std::int32_t>());
  }
  return std::optional<ControlMessage>(std::move(message));
}

Result<std::optional<ControlMessage>> drain_of(const json& object) {
  control::Drain message;
  message.reason = text_of(object, "reason");
  if (const auto deadline = object.find("deadline_ms"); deadline != object.end()) {
    if (!deadline->is_number_unsigned()) {
      return broken("drain with a deadline that is no number of milliseconds");
    }
    message.deadline =
        std::chrono::milliseconds{std::min(deadline->get<std::uint64_t>(), kMaxDeadlineMs)};
  }
  return std::optional<ControlMessage>(std::move(message));
}

Result<std::optional<ControlMessage>> stats_of(const json& object) {
  const auto jobs = object.find("jobs");
  if (jobs == object.end() || !jobs->is_number_unsigned()) {
    return broken("stats without a number of jobs");
  }
  return std::optional<ControlMessage>(control::Stats{jobs->get<std::uint64_t>()});
}

// Nothing for a type that is not known here (replace, peers, config, or a later one).
Result<std::optional<ControlMessage>> parse_line(std::string_view line) {
  const json object = parse_json(line);
  if (!object.is_object()) {
    return broken("not a JSON object");
  }
  const auto type = object.find("type");
  if (type == object.end() || !type->is_string()) {
    return broken("without a type");
  }
  const auto& name = type->get_ref<const std::string&>();
  if (name == "ready") {
    return std::optional<ControlMessage>(control::Ready{});
  }
  if (name == "drain") {
    return drain_of(object);
  }
  if (name == "drained") {
    return std::optional<ControlMessage>(control::Drained{});
  }
  if (name == "sync") {
    return sync_of(object);
  }
  if (name == "stats") {
    return stats_of(object);
  }
  if (name == "delete") {
    return std::optional<ControlMessage>(control::Delete{text_of(object, "reason")});
  }
  return std::optional<ControlMessage>();
}

}  // namespace

std::string to_line(const ControlMessage& message) {
  const json object = std::visit([](const auto& kind) { return to_object(kind); }, message);
  return json_text(object) + "\n";
}

Result<std::vector<ControlMessage>> ControlReader::receive(ByteView bytes) {
  std::vector<ControlMessage> messages;
  std::string_view rest = as_text(bytes);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    if (line_.size() + piece.size() > limits::kMaxControlMessage) {
      return broken("longer than 64 KiB");
    }
    line_ += piece;
    if (end == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(end + 1);
    if (line_.ends_with('\r')) {
      line_.pop_back();
    }
    if (!line_.empty()) {
      auto message = parse_line(line_);
      if (!message) {
        return message.error();
      }
      if (message.value()) {
        messages.push_back(std::move(*message.value()));
      }
    }
    line_.clear();
  }
  return messages;
}

}  // namespace scpool
