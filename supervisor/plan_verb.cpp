// `sc-pool plan`: what a restart, reload or scale would do, as a table.
#include <unistd.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/terminal.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kReasonWidth = 52;

std::string text_at(const Json& item, const char* key) {
  const auto found = item.find(key);
  return found != item.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t count_at(const Json& item, const char* key) {
  const auto found = item.find(key);
  return found != item.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string seconds_at(const Json& item, const char* key) {
  const auto found = item.find(key);
  const double seconds = found != item.end() && found->is_number() ? found->get<double>() : 0;
  return rough_duration(
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

const Json& list_at(const Json& root, const char* key) {
  static const Json kNone = Json::array();
  const auto found = root.find(key);
  return found != root.end() && found->is_array() ? *found : kNone;
}

std::string table(const Json& plan, const Terminal& terminal) {
  std::string text;
  for (const Json& each : list_at(plan, "settings")) {
    text += "  " + text_at(each, "key") + ": " + text_at(each, "from") + " -> " +
            text_at(each, "to") + ", " + text_at(each, "applied") + "\n";
  }
  const Json& steps = list_at(plan, "steps");
  if (steps.empty()) {
    return text + "No worker starts or leaves.\n";
  }
  text += (text.empty() ? "" : "\n") +
          terminal.styled(Style::Faint,
                          padded("AFTER", 9) + padded("SLOT", 6) + padded("WHAT", 7) +
                              padded("WORKER", 10) + "WHY") +
          "\n";
  for (const Json& step : steps) {
    const std::string slot = std::to_string(count_at(step, "slot"));
    text += padded(seconds_at(step, "after_s"), 9) + padded(slot, 6) +
            padded(text_at(step, "do"), 7) +
            padded(slot + "." + std::to_string(count_at(step, "generation")), 10) +
            cut_to(text_at(step, "reason"), kReasonWidth) + "\n";
  }
  const bool rests = plan.value("comes_to_rest", true);
  return text + "\nReady: never fewer than " + std::to_string(count_at(plan, "lowest_ready")) +
         " of " + std::to_string(count_at(plan, "size")) + "; at most " +
         std::to_string(count_at(plan, "most_workers")) + " workers beside those that drain.\n" +
         (rests ? "Takes about " + seconds_at(plan, "takes_s") + " and the drain of the last one."
                : "Not at rest within a day.") +
         "\n";
}

}  // namespace

ExitCode run_plan(const Invocation& invocation) {
  const std::vector<std::string>& words = invocation.words;
  const std::string what = words.empty() ? "restart" : words.front();
  std::string body;
  if (what == "restart") {
    auto wish = restart_body(std::span(words).subspan(words.empty() ? 0 : 1),
                             false,
                             invocation.settings.duration("older-than"));
    if (!wish) {
      return complain(ExitCode::Usage, "plan: " + wish.error().sentence());
    }
    body = std::move(wish).value();
  } else if (what == "scale") {
    const auto size = words.size() == 2 ? parse_number(words.at(1)) : std::nullopt;
    if (!size) {
      return complain(ExitCode::Usage, "plan: scale to how many workers?");
    }
    body = R"({"size":)" + std::to_string(*size) + "}";
  } else if (what != "reload") {
    return complain(ExitCode::Usage, "plan: '" + what + "' is not one of restart, reload, scale");
  }
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const auto answer = pool.value().post("/v1/plan/" + what, body);
  if (!answer) {
    return failed(answer.error());
  }
  const Terminal terminal(STDOUT_FILENO);
  const Json plan = parse_json(answer.value());
  terminal.write(invocation.settings.is_on("json") || !plan.is_object() ? answer.value()
                                                                        : table(plan, terminal));
  return ExitCode::Done;
}

}  // namespace scpool::supervisor
