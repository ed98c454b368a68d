// When the workers' program is another file than before, the workers follow it (opt-in), and how a
// configuration is named over versions of sc-pool.
#include "supervisor/io/files.hpp"
#include "supervisor/io/program_search.hpp"
#include "supervisor/supervisor.hpp"

namespace scpool::supervisor {
namespace {

constexpr Duration kProgramPeriod = std::chrono::seconds{2};

}  // namespace

std::string Supervisor::program_mark(const PoolConfig& config) const {
  if (!config.worker.follow_program) {
    return {};
  }
  const auto program =
      find_program(config.worker.program.empty() ? setup_.kind->program : config.worker.program);
  return program ? file_mark(program.value()) : std::string{};
}

// Acted upon when it is the same twice, so that a file is not taken while it is being written.
void Supervisor::look_at_program() {
  if (!setup_.config.worker.follow_program) {
    return;
  }
  const std::string mark = program_mark(setup_.config);
  const LaunchConfig launch{setup_.config, setup_.account, setup_.kind, {}};
  const ConfigHash hash = hash_of(launch);
  if (mark == last_mark_ && !mark.empty() && hash != current_config_) {
    log_.info("pool", "the workers' program has changed: rolling restart begins");
    current_config_ = hash;
    launch_configs_.insert_or_assign(hash, launch);
    submit(ConfigChanged{setup_.config.policy, hash});
  }
  last_mark_ = mark;
  program_timer_.start(kProgramPeriod, [this] { look_at_program(); });
}

// Two versions of sc-pool may count different things in; what an earlier one has called this very
// configuration stays its name.
ConfigHash Supervisor::hash_of(const LaunchConfig& launch) const {
  const ConfigHash computed =
      launch.config.worker_hash(launch.account.access_key, program_mark(launch.config));
  if (setup_.inherited && (computed_at_takeover_.value == 0 || computed == computed_at_takeover_)) {
    return setup_.inherited->config;
  }
  return computed;
}

}  // namespace scpool::supervisor
