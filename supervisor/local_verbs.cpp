// Verbs that need no supervisor: config, version, completion.
#include <unistd.h>

#include <algorithm>

#include "common/base/text.hpp"
#include "common/config/flag_text.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/worker_launch.hpp"
#include "supervisor/pool_setup.hpp"
#include "supervisor/terminal.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {

namespace {

// As comments, so that the whole stays a configuration. Generations go on from the last start.
std::string command_lines(const LoadedConfig& loaded) {
  const PoolConfig& config = loaded.config;
  const auto directories = directories_of(config);
  if (!directories) {
    return "# " + directories.error().sentence() + "\n";
  }
  const auto state = StateFile(directories.value().state + "/state.json").load();
  const StoredState stored = state ? state.value() : StoredState{};
  const auto program = find_worker_program(config.worker);
  LaunchConfig launch{config, keyless_account(config), find_worker_kind(config.worker.kind)};
  std::string text;
  if (program) {
    launch.kind = program.value().kind;
    launch.config.worker.program = program.value().path;
  } else {
    text += "# " + program.error().sentence() + "\n";
  }
  const std::string socket = config.control.socket.empty()
                                 ? control_socket_path(directories.value())
                                 : config.control.socket;
  const LaunchingPool pool{
      directories.value(), stored.instance.empty() ? "ID" : stored.instance, socket, {}};
  std::uint64_t generation = std::max<std::uint64_t>(1, stored.pool.next_generation);
  text += "# What each worker is started with, in the next generation:\n";
  for (std::uint32_t slot = 0; slot < config.policy.size; ++slot) {
    text += "# " + launch_text(launch, pool, WorkerId{{slot}, {generation++}}) + "\n";
  }
  return text;
}

}  // namespace

ExitCode run_config(const Invocation& invocation) {
  const std::string word = invocation.words.empty() ? "check" : invocation.words.front();
  if (word != "check" && word != "show") {
    return complain(ExitCode::Usage, "config: '" + word + "' is not one of check, show");
  }
  const auto loaded = load_pool_config(invocation);
  if (const auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    for (const Error& problem : *problems) {
      complain(ExitCode::Usage, problem.sentence());
    }
    return ExitCode::Usage;
  }
  const auto& config = std::get<LoadedConfig>(loaded);
  Terminal terminal(STDOUT_FILENO);
  if (word == "show") {
    terminal.write(config.text);
    terminal.write("\n" + command_lines(config));
  } else {
    terminal.print((config.file.empty() ? std::string("The configuration") : config.file) +
                   " is right: pool " + config.config.name + ", " +
                   std::to_string(config.config.policy.size) + " workers.");
  }
  return ExitCode::Done;
}

ExitCode run_version(const Invocation& /*invocation*/) {
  Terminal(STDOUT_FILENO).print("sc-pool " SCPOOL_VERSION);
  return ExitCode::Done;
}

namespace {

// Of "[pause|resume]": the words that may be typed as they are. None of "SLOT".
std::vector<std::string> choices_of(std::string_view words) {
  std::vector<std::string> choices;
  if (words.find('|') == std::string_view::npos) {
    return choices;
  }
  words = words.starts_with('[') ? words.substr(1, words.size() - 2) : words;
  for (const std::string_view word : split(words, '|')) {
    choices.emplace_back(word);
  }
  return choices;
}

}  // namespace

ExitCode run_completion(const Invocation& invocation) {
  const std::string word = invocation.words.empty() ? "" : invocation.words.front();
  constexpr std::pair<std::string_view, Shell> kShells[] = {
      {"bash", Shell::Bash}, {"zsh", Shell::Zsh}, {"fish", Shell::Fish}};
  for (const auto& [name, shell] : kShells) {
    if (word == name) {
      std::vector<FlagTable> tables;
      for (const Verb& verb : verbs()) {
        tables.push_back(all_flags(verb));
      }
      std::vector<CompletionCommand> commands;
      for (std::size_t index = 0; index < tables.size(); ++index) {
        const Verb& verb = verbs()[index];
        commands.push_back({verb.name, verb.summary, &tables[index], choices_of(verb.words)});
      }
      Terminal(STDOUT_FILENO).write(completion_script(shell, "sc-pool", commands));
      return ExitCode::Done;
    }
  }
  return complain(ExitCode::Usage, "completion: for which shell? bash, zsh or fish");
}

}  // namespace scpool::supervisor
