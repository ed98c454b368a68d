#include "supervisor/core/worker_kinds.hpp"

#include <algorithm>

#include "common/base/check.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/worker_kind_tables.hpp"

namespace scpool::supervisor {
namespace {

constexpr int kKill = 9;
constexpr std::string_view kAccessKeyWord = "{access_key}";

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

// "fact=value"
bool holds(const std::string& condition, const LaunchFacts& facts) {
  const std::size_t equals = condition.find('=');
  const auto fact = facts.find(std::string_view(condition).substr(0, equals));
  return condition.empty() ||
         (fact != facts.end() && fact->second == std::string_view(condition).substr(equals + 1));
}

// In lower case; of the lines that say why it ends alone, when there are such.
std::vector<std::string> telling_lines(const WorkerKind& kind, const Evidence& evidence) {
  std::vector<std::string> lines;
  std::vector<std::string> fatal;
  for (const std::string& line : evidence.last_lines) {
    lines.push_back(to_lower(line));
    if (!kind.fatal_phrase.empty() && lines.back().find(kind.fatal_phrase) != std::string::npos) {
      fatal.push_back(lines.back());
    }
  }
  return fatal.empty() ? lines : fatal;
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
  return worker_kind_tables().front();
}

const WorkerKind* find_worker_kind(std::string_view name) {
  const auto& kinds = worker_kind_tables();
  const auto found = std::find_if(
      kinds.begin(), kinds.end(), [&](const WorkerKind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

const WorkerKind* find_worker_kind(std::string_view name, const ProgramVersion& since) {
  const auto& kinds = worker_kind_tables();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const WorkerKind& kind) {
    return kind.name == name && kind.since == since;
  });
  return found == kinds.end() ? nullptr : &*found;
}

Result<const WorkerKind*> fitting_worker_kind(std::string_view name,
                                              const ProgramVersion& version) {
  const WorkerKind* newest = find_worker_kind(name);
  SCPOOL_CHECK(newest != nullptr);
  const std::string is = "it is version " + version.text() + ", ";
  if (version.major > newest->since.major) {
    return Error(ErrorKind::Invalid,
                 is + "too new for worker.kind \"" + std::string(name) +
                     "\"; set worker.kind to \"sauce-connect-" + std::to_string(version.major) +
                     "\" if there is one, or worker.program to another");
  }
  const WorkerKind* oldest = newest;
  for (const WorkerKind& kind : worker_kind_tables()) {
    if (kind.name == name) {
      if (version >= kind.since) {
        return &kind;
      }
      oldest = &kind;
    }
  }
  return Error(ErrorKind::Invalid,
               is + "too old for worker.kind \"" + std::string(name) + "\"; install " +
                   oldest->since.text() + " or newer, or set worker.kind or worker.program");
}

std::vector<std::string> worker_kind_names() {
  std::vector<std::string> names;
  for (const WorkerKind& kind : worker_kind_tables()) {
    if (names.empty() || names.back() != kind.name) {
      names.push_back(kind.name);
    }
  }
  return names;
}

bool gives_flag(const WorkerKind& kind, std::string_view flag) {
  return std::any_of(kind.arguments.begin(), kind.arguments.end(), [&](const WordGroup& group) {
    const bool may_be_repeated = flag == "--metadata" || flag == "--cacert-file";
    return group.words.front() == flag && group.only_if.empty() && !may_be_repeated;
  });
}

LaunchPlan launch_plan(const WorkerKind& kind,
                       const LaunchFacts& facts,
                       const Secret& access_key,
                       const std::vector<std::string>& extra_arguments) {
  LaunchPlan plan;
  plan.program = kind.program;
  for (const WordGroup& group : kind.arguments) {
    std::vector<std::string> words;
    if (!holds(group.only_if, facts)) {
      continue;
    }
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
  const std::vector<std::string> lines = telling_lines(kind, evidence);
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
