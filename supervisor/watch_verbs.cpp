// Verbs that look: status, wait, events.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/text.hpp"
#include "supervisor/io/process_watch.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration kLookPeriod = 200ms;
constexpr Duration kWatchPeriod = 1s;
// `wait` may be called beside an `up` that has just been started.
constexpr Duration kGraceForSupervisor = 5s;
constexpr int kEventWaitSeconds = 25;

ExitCode strength(const StatusFacts& facts) {
  return facts.ready >= facts.size ? ExitCode::Done : ExitCode::NotAtFullStrength;
}

ExitCode watch_status(PoolConnection& pool, Terminal& terminal) {
  while (true) {
    const auto body = pool.get("/v1/status");
    if (!body) {
      return failed(body.error());
    }
    // Home, draw, clear what is left below: no flicker.
    const std::string table = status_table(body.value(), terminal);
    std::string screen = terminal.is_terminal() ? "\x1b[H\x1b[J" + table : table + "\n";
    terminal.write(screen);
    pause_for(kWatchPeriod);
  }
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string event_line(const Json& event, const Terminal& terminal) {
  std::string line = terminal.styled(Style::Faint, padded(text_at(event, "time"), 26));
  std::string who = "pool";
  if (event.contains("slot") && event.contains("generation")) {
    who = "worker " + event["slot"].dump() + "." + event["generation"].dump();
  }
  line += padded(who, 14);
  const std::string state = text_at(event, "state");
  const std::string cause = text_at(event, "cause");
  line += padded(state.empty() ? text_at(event, "event") : state, 15);
  std::string why = cause.empty() ? "" : cause + ": ";
  why += text_at(event, "reason");
  if (const std::string detail = text_at(event, "detail"); !detail.empty()) {
    why += ": " + detail;
  }
  return line + why;
}

// Prints a page; returns the cursor to continue from.
std::uint64_t print_events(const std::string& body, const Settings& settings, Terminal& terminal) {
  const Json page = Json::parse(body, nullptr, false);
  if (!page.is_object() || !page.contains("events") || !page["events"].is_array()) {
    return 0;
  }
  const bool as_json = settings.is_on("json");
  if (page.value("gap", false)) {
    complain(ExitCode::Done, "events before this one are not kept any more");
  }
  for (const Json& event : page["events"]) {
    terminal.print(as_json ? event.dump() : event_line(event, terminal));
  }
  return page.value("next", std::uint64_t{0});
}

}  // namespace

ExitCode run_status(const Invocation& invocation) {
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  Terminal terminal(STDOUT_FILENO);
  if (invocation.settings.is_on("watch")) {
    return watch_status(pool.value(), terminal);
  }
  const auto body = pool.value().get("/v1/status");
  if (!body) {
    return failed(body.error());
  }
  const auto facts = parse_status(body.value());
  if (!facts) {
    return failed(facts.error());
  }
  terminal.write(invocation.settings.is_on("json") ? body.value()
                                                   : status_table(body.value(), terminal));
  return strength(facts.value());
}

ExitCode run_wait(const Invocation& invocation) {
  const Duration limit = invocation.settings.duration("timeout");
  Terminal terminal(STDOUT_FILENO);
  std::string last = "no supervisor yet";
  for (Duration waited{}; limit == Duration::zero() || waited < limit; waited += kLookPeriod) {
    auto pool = PoolConnection::open(invocation.settings);
    const auto facts = pool ? pool.value().status() : Result<StatusFacts>(pool.error());
    if (facts.ok() && strength(facts.value()) == ExitCode::Done) {
      terminal.clear_live();
      terminal.print("Pool " + facts.value().pool +
                     " is ready: " + std::to_string(facts.value().ready) + " workers.");
      return ExitCode::Done;
    }
    if (facts.ok()) {
      last = std::to_string(facts.value().ready) + " of " + std::to_string(facts.value().size) +
             " workers ready";
      terminal.show_live(last);
    } else if (facts.error().kind() != ErrorKind::NotFound || waited >= kGraceForSupervisor) {
      terminal.clear_live();
      return failed(facts.error());
    }
    pause_for(kLookPeriod);
  }
  terminal.clear_live();
  return complain(ExitCode::DeadlinePassed, "after " + duration_text(limit) + ": " + last);
}

ExitCode run_events(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  auto pool = PoolConnection::open(settings);
  if (!pool) {
    return failed(pool.error());
  }
  Terminal terminal(STDOUT_FILENO);
  std::uint64_t cursor = settings.count("since");
  auto body = pool.value().get("/v1/events?from=" + std::to_string(cursor));
  while (body.ok()) {
    const std::uint64_t next = print_events(body.value(), settings, terminal);
    const bool more =
        next != cursor && !Json::parse(body.value(), nullptr, false)["events"].empty();
    if (!settings.is_on("follow") && !more) {
      return ExitCode::Done;
    }
    cursor = next;
    std::string path = "/v1/events?from=" + std::to_string(cursor);
    if (settings.is_on("follow")) {
      path += "&wait_s=" + std::to_string(kEventWaitSeconds);
    }
    body = pool.value().get(path, std::chrono::seconds{kEventWaitSeconds + 10});
  }
  return failed(body.error());
}

}  // namespace scpool::supervisor
