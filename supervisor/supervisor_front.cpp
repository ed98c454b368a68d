// What APIs, session and verbs ask of the supervisor, and the care of its logs.
#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/process_memory.hpp"
#include "supervisor/core/plan_preview.hpp"
#include "supervisor/io/log_keeper.hpp"
#include "supervisor/supervisor.hpp"

namespace scpool::supervisor {
namespace {

// A log may grow beyond its limit by what is written in this time.
constexpr Duration kLogPeriod = std::chrono::seconds{30};
// Soon after the start most of what it needed is free.
constexpr Duration kFirstLogPeriod = std::chrono::seconds{4};

// Between a worker's start and its readiness, as this pool's workers needed.
Duration usual_start_time(const PoolSnapshot& snapshot) {
  constexpr Duration kGuess = std::chrono::seconds{2};
  Duration shortest = Duration::max();
  for (const WorkerSnapshot& worker : snapshot.workers) {
    if (worker.state == WorkerState::Ready && worker.since > worker.started_at) {
      shortest = std::min(shortest, worker.since - worker.started_at);
    }
  }
  return shortest == Duration::max() ? kGuess : shortest;
}

}  // namespace

void Supervisor::describe(Handover& handover) const {
  handover.state = stored_state();
  handover.journal = journal_.record();
  handover.config = current_config_;
  handover.started_at = started_at_;
  handover.now = loop_.now();
}

void Supervisor::note_upgrade(const UpgradeReport& report) {
  JournalEntry entry;
  entry.event = report.state == UpgradeState::Done       ? "upgraded"
                : report.state == UpgradeState::FellBack ? "upgrade-fell-back"
                                                         : "upgrade-refused";
  entry.reason = "upgrade";
  entry.detail = report.sentence();
  note(std::move(entry));
}

Result<std::string> Supervisor::plan(const PlanWish& wish) {
  PreviewQuestion question;
  question.pool = {setup_.config.policy, current_config_, controller_.record(), {}, loop_.now()};
  for (const auto& [worker, process] : workers_) {
    question.pool.living.push_back(worker);
  }
  question.start_time = usual_start_time(controller_.snapshot(loop_.now()));
  std::vector<ChangedSetting> changed;
  switch (wish.what) {
    case PlanWish::What::Restart:
      question.wish = wish.restart;
      break;
    case PlanWish::What::Scale:
      question.wish = ScaleRequested{wish.size};
      break;
    case PlanWish::What::Reload: {
      const auto read = setup_.read_config(ReadFor::Looking);
      if (!read) {
        return read.error();
      }
      changed = changed_settings(setup_.configuration_text, read.value().text);
      question.wish = ConfigChanged{read.value().config.policy, hash_of(read.value())};
      break;
    }
  }
  return preview_json(preview(question), changed);
}

void Supervisor::go_down(StopUrgency urgency, std::optional<Duration> limit) {
  if (limit.has_value() && urgency == StopUrgency::Drain) {
    stop_limit_.start(*limit, [this] { submit(ShutdownRequested{StopUrgency::Now}); });
  }
  submit(ShutdownRequested{urgency});
}

Result<std::string> Supervisor::reload() {
  reopen_logs();  // rotation must not depend on a configuration without errors
  auto read = setup_.read_config(ReadFor::Use);
  if (!read) {
    log_.error("pool", "reload refused: " + read.error().sentence());
    return read.error();
  }
  const ConfigHash hash = hash_of(read.value());
  PoolConfig config = std::move(read.value().config);
  setup_.configuration_text = std::move(read.value().text);
  setup_.kind = read.value().kind;
  setup_.account = std::move(read.value().account);
  tunnels_.set_account(setup_.account);
  std::string done = hash == current_config_ ? "applied in place" : "rolling restart begins";
  if (config.name != setup_.config.name ||
      config.control.api_address != setup_.config.control.api_address) {
    done += "; pool.name and control.api_address change with the next start of sc-pool";
    config.name = setup_.config.name;
  }
  log_.info("pool", "configuration read again: " + done);
  setup_.config = config;
  current_config_ = hash;
  launch_configs_.insert_or_assign(hash, LaunchConfig{config, setup_.account, setup_.kind, {}});
  submit(ConfigChanged{config.policy, hash});
  look_at_program();
  return done;
}

void Supervisor::reopen_logs() {
  if (const auto reopened = log_.reopen(); !reopened) {
    log_.error("log", reopened.error().sentence());
  }
  for (const auto& [worker, process] : workers_) {
    process->reopen_log();
  }
}

void Supervisor::keep_logs() {
  const LogSettings& log = setup_.config.log;
  const LogKeeper keeper({setup_.directories.logs,
                          setup_.config.name,
                          log.max_size,
                          log.keep,
                          log.max_age,
                          log.max_total});
  std::set<std::string> current;
  for (const auto& [worker, process] : workers_) {
    current.insert(process->files().log);
    // What cannot reopen its log rotates it by itself or not at all.
    if (process->can_reopen_log() && keeper.rotate_if_large(process->files().log)) {
      process->reopen_log();
    }
  }
  if (keeper.rotate_if_large(setup_.log_file)) {
    if (const auto reopened = log_.reopen(); !reopened) {
      log_.error("log", reopened.error().sentence());
    }
  }
  keeper.remove_old(current, loop_.wall_now());
  keeper.limit_total(current);
  release_unused_memory();
  const bool begins = std::exchange(begins_, false);
  log_timer_.start(begins ? kFirstLogPeriod : kLogPeriod, [this] { keep_logs(); });
}

}  // namespace scpool::supervisor
