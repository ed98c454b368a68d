// Verbs that give the supervisor a command: down, restart, scale, drain, rollout, reload, explain.
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/base/text.hpp"
#include "supervisor/io/process_watch.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookPeriod = 200ms;

std::optional<std::uint64_t> slot_number(const std::string& word) {
  const auto slot = parse_number(word);
  return slot && *slot <= UINT32_MAX ? slot : std::nullopt;
}

ExitCode usage(const std::string& verb, const std::string& sentence) {
  return complain(ExitCode::Usage, verb + ": " + sentence + "; see 'sc-pool " + verb + " --help'");
}

// Sends one command and prints its answer.
ExitCode command(PoolConnection& pool, const std::string& path, const std::string& body) {
  const auto answer = pool.post(path, body);
  if (!answer) {
    return failed(answer.error());
  }
  Terminal(STDOUT_FILENO).print(answer_message(answer.value()));
  return ExitCode::Done;
}

ExitCode command(const Invocation& invocation, const std::string& path, const std::string& body) {
  auto pool = PoolConnection::open(invocation.settings);
  return pool ? command(pool.value(), path, body) : failed(pool.error());
}

std::string strength_sentence(const StatusFacts& facts) {
  return std::to_string(facts.ready) + " of " + std::to_string(facts.size) + " workers ready";
}

// Asks every fifth of a second until `is_over` or the verb's --timeout.
template <class Condition>
ExitCode wait_until(PoolConnection& pool,
                    const Settings& settings,
                    std::string (*done_sentence)(const StatusFacts&),
                    Condition is_over) {
  Terminal terminal(STDOUT_FILENO);
  const Duration limit = settings.duration("timeout");
  for (Duration waited{}; limit == Duration::zero() || waited < limit; waited += kLookPeriod) {
    const auto facts = pool.status();
    if (!facts) {
      terminal.clear_live();
      return failed(facts.error());
    }
    if (const std::optional<ExitCode> code = is_over(facts.value())) {
      terminal.clear_live();
      terminal.print(done_sentence(facts.value()));
      return *code;
    }
    terminal.show_live(facts.value().rollout_state == "idle" ? strength_sentence(facts.value())
                                                             : rollout_sentence(facts.value()));
    pause_for(kLookPeriod);
  }
  terminal.clear_live();
  return complain(ExitCode::DeadlinePassed, "not done after " + duration_text(limit));
}

std::optional<ExitCode> after_rollout(const StatusFacts& facts) {
  if (facts.rollout_state == "paused") {
    return complain(ExitCode::RolloutStopped, "the rollout is paused: " + facts.rollout_reason);
  }
  return facts.rollout_state == "idle" && facts.ready >= facts.size ? std::optional(ExitCode::Done)
                                                                    : std::nullopt;
}

std::string drain_sentence(const StatusFacts& facts) {
  return "draining: " + std::to_string(facts.worker_count) + " workers still up, " +
         std::to_string(facts.jobs) + " jobs, " + std::to_string(facts.streams) + " streams";
}

ExitCode wait_for_end(PoolConnection& pool, const StatusFacts& before) {
  Terminal terminal(STDOUT_FILENO);
  const auto watch = ProcessWatch::open(before.supervisor_pid);
  while (watch.ok() && !watch.value().ended_within(kLookPeriod)) {
    if (const auto facts = pool.status(); facts.ok()) {
      terminal.show_live(drain_sentence(facts.value()));
    }
  }
  terminal.clear_live();
  const auto after = pool.status();
  if (after.ok() && after.value().supervisor_pid != before.supervisor_pid) {
    return complain(ExitCode::Failed, "another supervisor has taken the pool over meanwhile");
  }
  terminal.print("Pool " + before.pool + " is down.");
  return ExitCode::Done;
}

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::duration<double>(duration).count());
}

}  // namespace

ExitCode run_down(const Invocation& invocation) {
  if (invocation.settings.is_on("leftovers")) {
    return run_down_leftovers(invocation);
  }
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const auto before = pool.value().status();
  if (!before) {
    return failed(before.error());
  }
  std::string body = invocation.settings.is_on("now") ? R"({"now":true)" : R"({"now":false)";
  if (invocation.settings.given("timeout")) {
    body += R"(,"timeout_s":)" + seconds_text(invocation.settings.duration("timeout"));
  }
  const auto answer = pool.value().post("/v1/down", body + "}");
  return answer ? wait_for_end(pool.value(), before.value()) : failed(answer.error());
}

ExitCode run_restart(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  if (settings.is_on("rolling") && settings.is_on("at-once")) {
    return usage("restart", "--rolling and --at-once exclude each other");
  }
  const auto body =
      restart_body(invocation.words, settings.is_on("at-once"), settings.duration("older-than"));
  if (!body) {
    return usage("restart", body.error().sentence());
  }
  auto pool = PoolConnection::open(settings);
  if (!pool) {
    return failed(pool.error());
  }
  const ExitCode sent = command(pool.value(), "/v1/restart", body.value());
  return sent == ExitCode::Done && settings.is_on("wait")
             ? wait_until(pool.value(), settings, rollout_sentence, after_rollout)
             : sent;
}

Result<std::string> restart_body(std::span<const std::string> slots,
                                 bool at_once,
                                 Duration older_than) {
  std::string body = R"({"slots":[)";
  for (const std::string& word : slots) {
    const auto slot = slot_number(word);
    if (!slot) {
      return Error(ErrorKind::Invalid, "'" + word + "' is not a slot number");
    }
    body += (body.back() == '[' ? "" : ",") + std::to_string(*slot);
  }
  body += at_once ? R"(],"at_once":true)" : R"(],"at_once":false)";
  return body + R"(,"older_than_s":)" + seconds_text(older_than) + "}";
}

ExitCode run_scale(const Invocation& invocation) {
  const auto size = invocation.words.empty() ? std::nullopt : slot_number(invocation.words.front());
  if (!size) {
    return usage("scale", "how many workers?");
  }
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const ExitCode sent =
      command(pool.value(), "/v1/scale", R"({"size":)" + std::to_string(*size) + "}");
  if (sent != ExitCode::Done || !invocation.settings.is_on("wait")) {
    return sent;
  }
  return wait_until(
      pool.value(), invocation.settings, strength_sentence, [&size](const StatusFacts& facts) {
        return facts.size == *size && facts.ready == *size && facts.worker_count == *size
                   ? std::optional(ExitCode::Done)
                   : std::nullopt;
      });
}

ExitCode run_drain(const Invocation& invocation) {
  const auto slot = invocation.words.empty() ? std::nullopt : slot_number(invocation.words.front());
  if (!slot) {
    return usage("drain", "which slot?");
  }
  return command(invocation, "/v1/drain", R"({"slot":)" + std::to_string(*slot) + "}");
}

ExitCode run_rollout(const Invocation& invocation) {
  const std::string word = invocation.words.empty() ? "status" : invocation.words.front();
  if (word == "pause" || word == "resume" || word == "cancel") {
    return command(invocation, "/v1/rollout/" + word, "");
  }
  if (word != "status") {
    return usage("rollout", "'" + word + "' is not one of status, pause, resume, cancel");
  }
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const auto facts = pool.value().status();
  if (!facts) {
    return failed(facts.error());
  }
  Terminal(STDOUT_FILENO).print(rollout_sentence(facts.value()));
  return facts.value().rollout_state == "paused" ? ExitCode::RolloutStopped : ExitCode::Done;
}

ExitCode run_reload(const Invocation& invocation) {
  return command(invocation, "/v1/reload", "");
}

ExitCode run_explain(const Invocation& invocation) {
  const auto slot = invocation.words.empty() ? std::nullopt : slot_number(invocation.words.front());
  if (!slot) {
    return usage("explain", "which slot?");
  }
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const auto text = pool.value().get("/v1/explain/" + std::to_string(*slot));
  if (!text) {
    return failed(text.error());
  }
  std::string_view explanation = text.value();
  while (explanation.ends_with('\n')) {
    explanation.remove_suffix(1);
  }
  Terminal(STDOUT_FILENO).print(explanation);
  return ExitCode::Done;
}

}  // namespace scpool::supervisor
