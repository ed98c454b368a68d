// `down --leftovers`: for a service manager that stops a pool whose supervisor has crashed and will
// not be started again.
#include <unistd.h>

#include "common/io/child_process.hpp"
#include "supervisor/io/leftovers.hpp"
#include "supervisor/io/pool_lock.hpp"
#include "supervisor/io/worker_search.hpp"
#include "supervisor/pool_setup.hpp"
#include "supervisor/terminal.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {

ExitCode run_down_leftovers(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  ConfigQuestion question;
  question.file = settings.text("config");
  question.pool = settings.text("pool");
  const auto loaded = load_pool_config(question);
  if (const auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    for (const Error& problem : *problems) {
      complain(ExitCode::Usage, problem.sentence());
    }
    return ExitCode::Usage;
  }
  const PoolConfig& config = std::get<LoadedConfig>(loaded).config;
  const auto directories = directories_of(config);
  if (!directories) {
    return complain(ExitCode::Usage, directories.error().sentence());
  }
  Terminal terminal(STDOUT_FILENO);
  const std::string& folder = directories.value().state;
  if (access(folder.c_str(), W_OK) != 0) {
    terminal.print("Pool " + config.name + " has left nothing.");
    return ExitCode::Done;
  }
  const auto lock = PoolLock::take(folder + "/supervisor.pid");
  if (!lock) {
    return complain(ExitCode::Failed, lock.error().sentence() + "; use 'sc-pool down'");
  }
  const auto state = StateFile(folder + "/state.json").load();
  if (!state) {
    return complain(ExitCode::Failed, state.error().sentence());
  }
  EventLoop loop;
  std::vector<KnownProcess> processes;
  if (state.value().boot_id == current_boot_id()) {
    processes = state.value().processes;
  }
  for (const KnownProcess& found : search_workers(directories.value(), config.name)) {
    processes.push_back(found);
  }
  std::erase_if(processes, [](const KnownProcess& known) {
    const auto facts = read_process_facts(known.pid);
    const bool ended = !facts || facts->wait_status.has_value();  // or nobody took its end yet
    return ended || facts->start_time != known.start_time;
  });
  Leftovers leftovers(loop, our_worker(), directories.value(), config.name, processes);
  const std::size_t count = leftovers.count();
  LeftoverRules rules{config.policy.drain_timeout, config.policy.stop_grace};
  if (settings.is_on("now")) {
    rules.drain_timeout = Duration::zero();
  } else if (settings.given("timeout")) {
    rules.drain_timeout = settings.duration("timeout");
  }
  leftovers.end(rules, [&loop] { loop.stop(); });
  if (count > 0) {
    loop.run();
  }
  terminal.print("Pool " + config.name + " is down; " + std::to_string(count) +
                 (count == 1 ? " worker" : " workers") + " had been left.");
  return ExitCode::Done;
}

}  // namespace scpool::supervisor
