#include "supervisor/takeover.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "common/base/fingerprint.hpp"
#include "supervisor/core/takeover_plan.hpp"
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/io/upgrade_check.hpp"
#include "supervisor/io/worker_launch.hpp"
#include "supervisor/terminal.hpp"

namespace scpool::supervisor {

std::uint64_t config_fingerprint(const Invocation& invocation,
                                 const std::string& config_file,
                                 const Secret& access_key) {
  Fingerprint fingerprint;
  std::ifstream file(config_file);
  std::ostringstream text;
  text << file.rdbuf();
  fingerprint.add(text.str());
  for (const auto& [key, value] : invocation.pool_flags) {
    fingerprint.add(key);
    fingerprint.add(value);
  }
  for (const std::string& variable : own_environment()) {
    const bool of_exchange = variable.starts_with("SC_POOL_EXCHANGE");
    if (!of_exchange && (variable.starts_with("SC_POOL_") || variable.starts_with("SAUCE_"))) {
      fingerprint.add(variable);
    }
  }
  fingerprint.add(access_key.reveal());
  return fingerprint.get();
}

std::vector<std::string> first_steps(const Handover& handover, const PoolConfig& config) {
  TakeoverQuestion question;
  question.policy = config.policy;
  question.config = handover.config;
  question.record = handover.state.pool;
  for (const KnownProcess& process : handover.state.processes) {
    question.living.push_back(process.worker);
  }
  question.now = handover.now;
  return takeover_plan(question);
}

ExitCode answer_upgrade_check(const Invocation& invocation,
                              const LoadedConfig& loaded,
                              const PoolDirectories& directories) {
  const auto handover = read_handover(invocation.upgrade_check);
  if (!handover) {
    return complain(ExitCode::Failed, handover.error().sentence());
  }
  const PoolConfig& config = loaded.config;
  Secret access_key;
  if (loaded.mode == PoolMode::Cloud) {
    auto account = account_of(config, directories);
    if (!account) {
      return complain(ExitCode::Failed, account.error().sentence());
    }
    access_key = account.value().access_key;
  }
  if (config_fingerprint(invocation, loaded.file, access_key) != handover.value().fingerprint) {
    return complain(ExitCode::Failed,
                    "the configuration was changed since the running one read it; run "
                    "'sc-pool reload' first");
  }
  const auto program = find_worker_program(config.worker);
  if (!program) {
    return complain(ExitCode::Failed, program.error().sentence());
  }
  Terminal(STDOUT_FILENO)
      .print(upgrade_answer_json({build_text(), first_steps(handover.value(), config)}));
  return ExitCode::Done;
}

}  // namespace scpool::supervisor
