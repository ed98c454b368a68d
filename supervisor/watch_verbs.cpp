// Verbs that look: status, wait, events.
#include <unistd.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
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
// `events -f` goes on when the supervisor is back within this.
constexpr Duration kAbsenceLimit = 60s;

ExitCode strength(const StatusFacts& facts) {
  return facts.ready >= facts.size ? ExitCode::Done : ExitCode::NotAtFullStrength;
}

std::string_view trim_line_end(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

ExitCode watch_status(PoolConnection& pool, Terminal& terminal) {
  while (true) {
    const auto body = pool.get("/v1/status");
    if (!body) {
      return failed(body.error());
    }
    // Home, each line over the old one, what is left of it cleared: nothing flickers.
    const std::string table = status_table(body.value(), terminal);
    std::string screen = terminal.is_terminal() ? "\x1b[H" : "";
    for (const std::string_view line : split(trim_line_end(table), '\n')) {
      screen += std::string(line) + (terminal.is_terminal() ? "\x1b[K\n" : "\n");
    }
    screen += terminal.is_terminal() ? "\x1b[J" : "\n";
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
    who = "worker " + json_text(event["slot"]) + "." + json_text(event["generation"]);
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

// Prints the events of an answer, one JSON object a line, and moves the cursor behind them. Done:
// the pool's last event was among them.
std::optional<ExitCode> print_events(const std::string& body,
                                     const Settings& settings,
                                     std::uint64_t& cursor,
                                     Terminal& terminal) {
  std::optional<ExitCode> ended;
  for (const std::string_view line : split(body, '\n')) {
    const Json event = parse_json(line);
    if (!event.is_object()) {
      continue;
    }
    cursor = event.value("cursor", cursor);
    const std::string kind = text_at(event, "event");
    if (kind == "gap" && !settings.is_on("json")) {
      complain(ExitCode::Done, text_at(event, "detail"));
      continue;
    }
    terminal.print(settings.is_on("json") ? std::string(line) : event_line(event, terminal));
    ended = kind == "pool-down" ? std::optional(ExitCode::Done) : std::nullopt;
  }
  return ended;
}

// A supervisor that goes away may be on its way back (an upgrade, a restart after a crash).
bool wait_for_supervisor(const Settings& settings) {
  for (Duration waited{}; waited < kAbsenceLimit; waited += kLookPeriod) {
    auto pool = PoolConnection::open(settings);
    if (pool.ok() && pool.value().status().ok()) {
      return true;
    }
    pause_for(kLookPeriod);
  }
  return false;
}

ExitCode follow_events(const Settings& settings, std::uint64_t cursor, Terminal& terminal) {
  const std::string wait = "&wait_s=" + std::to_string(kEventWaitSeconds);
  while (true) {
    auto pool = PoolConnection::open(settings);
    const auto body = pool ? pool.value().get("/v1/events?since=" + std::to_string(cursor) + wait,
                                              std::chrono::seconds{kEventWaitSeconds + 10})
                           : Result<std::string>(pool.error());
    if (!body) {
      complain(ExitCode::Done, "no answer from the supervisor; waiting for it to come back");
      if (!wait_for_supervisor(settings)) {
        return failed(body.error());
      }
      continue;
    }
    if (const auto ended = print_events(body.value(), settings, cursor, terminal)) {
      return *ended;
    }
  }
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
  while (true) {
    const std::uint64_t before = cursor;
    const auto body = pool.value().get("/v1/events?since=" + std::to_string(cursor));
    if (!body) {
      // A follower that has begun goes on, also when the supervisor is killed between two pages.
      const bool begun = settings.is_on("follow") && cursor != settings.count("since");
      return begun ? follow_events(settings, cursor, terminal) : failed(body.error());
    }
    print_events(body.value(), settings, cursor, terminal);
    if (cursor == before) {
      return settings.is_on("follow") ? follow_events(settings, cursor, terminal) : ExitCode::Done;
    }
  }
}

}  // namespace scpool::supervisor
