#include "supervisor/core/worker_kinds.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

// Signal numbers of Linux on every architecture we run on; this folder includes no signal.h.
constexpr int kHangUp = 1;
constexpr int kInterrupt = 2;
constexpr int kTerminate = 15;
constexpr int kKill = 9;

constexpr std::string_view kAccessKeyWord = "{access_key}";

WorkerKind make_our_worker() {
  WorkerKind kind;
  kind.name = "sc-worker";
  kind.program = "sc-worker";
  kind.arguments = {{{"run"}},
                    {{"--tunnel-name", "{tunnel_name}"}},
                    {{"--tunnel-pool"}},
                    {{"--region", "{region}"}},
                    {{"--rest-url", "{rest_url}"}},
                    {{"--cacert-file", "{ca_file}"}},
                    {{"--api-address", "{api_address}"}},
                    {{"--log-file", "{log_file}"}},
                    {{"--proxy-localhost", "{proxy_localhost}"}},
                    {{"--log-level", "{log_level}"}},
                    {{"--log-format", "{log_format}"}},
                    {{"--pidfile", "{pid_file}"}},
                    {{"--metadata", "{metadata}"}},
                    {{"--supervisor-socket", "{supervisor_socket}"}},
                    {{"--orphan-grace", "{orphan_grace}"}}};
  kind.environment = {{"SAUCE_USERNAME", "{user}"},
                      {"SAUCE_ACCESS_KEY", std::string(kAccessKeyWord)}};
  kind.ready_path = "/readyz";
  kind.health_path = "/healthz";
  kind.info_path = "/info";
  kind.metrics_path = "/metrics";
  kind.drain_signal = kTerminate;
  kind.stop_signal = kInterrupt;
  kind.reopen_signal = kHangUp;
  kind.exit_rules = {
      {std::nullopt, "too many active", ExitCause::Quota},
      {std::nullopt, "tunnel limit", ExitCause::Quota},
      {std::nullopt, "401", ExitCause::Credentials},
      {std::nullopt, "unauthorized", ExitCause::Credentials},
      {std::nullopt, "credentials", ExitCause::Credentials},
      {std::nullopt, "access key", ExitCause::Credentials},
      {std::nullopt, "tunnel pool", ExitCause::NameCollision},
      {std::nullopt, "colliding", ExitCause::NameCollision},
      {std::nullopt, "address already in use", ExitCause::Port},
      {std::nullopt, "address in use", ExitCause::Port},
      {std::nullopt, "too many open files", ExitCause::Resources},
      {std::nullopt, "no space left", ExitCause::Resources},
      {std::nullopt, "cannot allocate memory", ExitCause::OutOfMemory},
      {std::nullopt, "out of memory", ExitCause::OutOfMemory},
      {std::nullopt, "check failed", ExitCause::Crash},
      {std::nullopt, "could not resolve", ExitCause::Network},
      {std::nullopt, "connection refused", ExitCause::Network},
      {std::nullopt, "connection reset", ExitCause::Network},
      {std::nullopt, "network is unreachable", ExitCause::Network},
      {std::nullopt, "no route to host", ExitCause::Network},
      {std::nullopt, "timed out", ExitCause::Network},
      {std::nullopt, "not reachable", ExitCause::Network},
      {std::nullopt, "certificate", ExitCause::Network},
      {2, "", ExitCause::Configuration},
      {127, "", ExitCause::Configuration},
      {126, "", ExitCause::Configuration},
      {0, "", ExitCause::Unasked},
      {std::nullopt, "", ExitCause::Unknown},
  };
  return kind;
}

const std::array<WorkerKind, 1>& kinds() {
  static const std::array<WorkerKind, 1> all = {make_our_worker()};
  return all;
}

// The word with its facts; nothing when a fact is missing or empty.
std::optional<std::string> filled(std::string_view word, const LaunchFacts& facts) {
  std::string text;
  while (!word.empty()) {
    const std::size_t open = word.find('{');
    text += word.substr(0, open);
    if (open == std::string_view::npos) {
      break;
    }
    const std::size_t close = word.find('}', open);
    if (close == std::string_view::npos) {
      return text + std::string(word.substr(open));
    }
    const auto fact = facts.find(word.substr(open + 1, close - open - 1));
    if (fact == facts.end() || fact->second.empty()) {
      return std::nullopt;
    }
    text += fact->second;
    word.remove_prefix(close + 1);
  }
  return text;
}

bool fits(const ExitRule& rule, const WorkerExit& exit, const std::vector<std::string>& lines) {
  if (rule.code && (exit.how != WorkerExit::How::Exited || exit.code != *rule.code)) {
    return false;
  }
  return rule.phrase.empty() ||
         std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
           return line.find(rule.phrase) != std::string::npos;
         });
}

}  // namespace

const WorkerKind& our_worker() {
  return kinds().front();
}

const WorkerKind* find_worker_kind(std::string_view name) {
  const auto found = std::find_if(
      kinds().begin(), kinds().end(), [&](const WorkerKind& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

std::vector<std::string> worker_kind_names() {
  std::vector<std::string> names;
  for (const WorkerKind& kind : kinds()) {
    names.push_back(kind.name);
  }
  return names;
}

LaunchPlan launch_plan(const WorkerKind& kind,
                       const LaunchFacts& facts,
                       const Secret& access_key,
                       const std::vector<std::string>& extra_arguments) {
  LaunchPlan plan;
  plan.program = kind.program;
  for (const WordGroup& group : kind.arguments) {
    std::vector<std::string> words;
    for (const std::string& word : group.words) {
      if (std::optional<std::string> text = filled(word, facts)) {
        words.push_back(std::move(*text));
      }
    }
    if (words.size() == group.words.size()) {
      plan.arguments.insert(plan.arguments.end(), words.begin(), words.end());
    }
  }
  plan.arguments.insert(plan.arguments.end(), extra_arguments.begin(), extra_arguments.end());
  for (const auto& [name, word] : kind.environment) {
    if (word == kAccessKeyWord) {
      plan.environment.emplace_back(name, access_key);
    } else if (std::optional<std::string> text = filled(word, facts)) {
      plan.environment.emplace_back(name, Secret{std::move(*text)});
    }
  }
  return plan;
}

std::string LaunchPlan::redacted_text() const {
  std::string text;
  for (const auto& [name, value] : environment) {
    text += name + "=*** ";
  }
  text += shell_quoted(program);
  for (const std::string& argument : arguments) {
    text += " " + shell_quoted(argument);
  }
  return text;
}

std::string instance_mark(std::string_view instance, WorkerId worker) {
  return "pool_worker=" + std::string(instance) + "." + to_text(worker);
}

std::optional<WorkerId> marked_worker(std::string_view instance, std::string_view mark_value) {
  const std::vector<std::string_view> parts = split(mark_value, '.');
  if (parts.size() != 3 || instance.empty() || parts[0] != instance) {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> slot = parse_number(parts[1]);
  const std::optional<std::uint64_t> generation = parse_number(parts[2]);
  if (!slot || !generation || *slot > 0xffffffffU) {
    return std::nullopt;
  }
  return WorkerId{{static_cast<std::uint32_t>(*slot)}, {*generation}};
}

ExitCause classify_exit(const WorkerKind& kind, const WorkerExit& exit, const Evidence& evidence) {
  if (evidence.out_of_memory_killed) {
    return ExitCause::OutOfMemory;
  }
  switch (exit.how) {
    case WorkerExit::How::Unknown:
      return ExitCause::Unknown;
    case WorkerExit::How::Killed:
      return ExitCause::Crash;
    case WorkerExit::How::Exited:
      break;
  }
  std::vector<std::string> lines;
  for (const std::string& line : evidence.last_lines) {
    lines.push_back(to_lower(line));
  }
  for (const ExitRule& rule : kind.exit_rules) {
    if (fits(rule, exit, lines)) {
      return rule.cause;
    }
  }
  return ExitCause::Unknown;
}

std::string exit_text(const WorkerExit& exit) {
  switch (exit.how) {
    case WorkerExit::How::Exited:
      return "exited with " + std::to_string(exit.code);
    case WorkerExit::How::Killed:
      return "killed by signal " + std::to_string(exit.signal) +
             (exit.signal == kKill && !exit.core_dumped ? " (KILL)" : "") +
             (exit.core_dumped ? " (core dumped)" : "");
    case WorkerExit::How::Unknown:
      break;
  }
  return "ended unseen";
}

}  // namespace scpool::supervisor
