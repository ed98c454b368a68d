// What happens in the simulated world by itself, and everything that a seed may break in it.
#include <algorithm>
#include <array>
#include <utility>

#include "tests/simulation/simulated_pool.hpp"

namespace scpool::simulation {

using namespace supervisor;

namespace {

constexpr Duration kOrphanGrace = 10min;

struct BadEnd {
  int code;
  const char* line;
};
constexpr std::array<BadEnd, 8> kBadEnds = {{{1, "create tunnel: 401 Unauthorized"},
                                             {2, "unknown flag --xyz"},
                                             {1, "listen: address already in use"},
                                             {1, "dial: connection refused"},
                                             {1, "accept: too many open files"},
                                             {1, "out of memory"},
                                             {0, "terminated by remote request"},
                                             {1, "colliding tunnel shut down"}}};

}  // namespace

void SimulatedPool::later(Duration delay, Happening what, std::uint64_t generation, int detail) {
  agenda_.push({now_ + delay, order_++, what, generation, detail});
}

SimulatedWorker* SimulatedPool::worker_of(std::uint64_t generation) {
  for (SimulatedWorker& worker : workers_) {
    if (worker.id.generation.value == generation) {
      return &worker;
    }
  }
  return nullptr;
}

SimulatedWorker* SimulatedPool::any_worker() {
  return workers_.empty() ? nullptr : &workers_[random_.below(workers_.size())];
}

bool SimulatedPool::serves(const SimulatedWorker& worker) const {
  return worker.ready && !worker.hung && network_up_ && now_ >= worker.unready_until;
}

std::uint32_t SimulatedPool::tunnels() const {
  return static_cast<std::uint32_t>(tunnels_.size() + foreign_.size());
}

void SimulatedPool::hang(SimulatedWorker& worker) {
  worker.hung_since = worker.hung ? worker.hung_since : now_;
  worker.hung = true;
}

void SimulatedPool::boot(SimulatedWorker& worker) {
  const std::uint64_t generation = worker.id.generation.value;
  const bool unlucky = !faults_ended_ && random_.chance(0.04);
  if (is_bad(worker.config)) {
    if (worker.config.value % 8 == 3) {
      later(between(10ms, 2s), Happening::ExitsWith, generation, 1);
    }
    return;  // or it just never gets ready
  }
  if (unlucky && random_.chance(0.4)) {
    return;
  }
  if (unlucky) {
    const int which = static_cast<int>(random_.below(kBadEnds.size()));
    later(between(10ms, 20s), Happening::ExitsWith, generation, which);
    return;
  }
  later(between(50ms, 5s), Happening::Registers, generation);
}

void SimulatedPool::register_tunnel(SimulatedWorker& worker) {
  const std::uint64_t generation = worker.id.generation.value;
  if (!key_valid_) {
    exit_worker(worker, 1, 0, kBadEnds[0].line);
  } else if (!network_up_ || !rest_up_) {
    later(between(1s, 45s), Happening::ExitsWith, generation, 3);
  } else if (tunnels() >= quota_) {
    exit_worker(worker, 1, 0, "create tunnel: Too many active org tunnels: 6 >= 5");
  } else {
    worker.registered = true;
    const Duration ready_in = random_.chance(0.1) ? between(3s, 45s) : between(50ms, 3s);
    tunnels_.push_back(
        {{"t" + std::to_string(generation)}, worker.id, now_ + ready_in + between(0s, 3s)});
    later(ready_in, Happening::GetsReady, generation);
  }
}

void SimulatedPool::exit_worker(SimulatedWorker& worker, int code, int signal, const char* line) {
  WorkerExited exited;
  exited.worker = worker.id;
  exited.exit.how = signal != 0 ? WorkerExit::How::Killed : WorkerExit::How::Exited;
  exited.exit.code = code;
  exited.exit.signal = signal;
  if (*line != '\0') {
    exited.evidence.last_lines.emplace_back(line);
  }
  exited.cause = classify_exit(our_worker(), exited.exit, exited.evidence);
  if (code == 0 && signal == 0 && rest_up_) {
    std::erase_if(tunnels_, [&](const auto& tunnel) { return tunnel.worker == worker.id; });
  }
  const WorkerId id = worker.id;
  std::erase_if(workers_, [&](const SimulatedWorker& each) { return each.id == id; });
  if (controller_) {
    tell(std::move(exited));
  }
}

// The first signal drains, the second ends; a stopped or deaf process hears neither.
void SimulatedPool::hear_signal(SimulatedWorker& worker) {
  worker.leaving_since = worker.leaving ? worker.leaving_since : now_;
  worker.leaving = true;
  if (worker.hung || worker.deaf) {
    return;
  }
  ++worker.signals;
  worker.ready = false;
  const bool long_jobs = random_.chance(0.1);
  const Duration drain = long_jobs ? between(1min, 30min) : between(0s, 20s);
  later(worker.signals > 1 ? between(0s, 2s) : drain, Happening::Exits, worker.id.generation.value);
}

void SimulatedPool::happen(const Upcoming& upcoming) {
  SimulatedWorker* worker = worker_of(upcoming.generation);
  switch (upcoming.what) {
    case Happening::Registers:
      if (worker != nullptr && !worker->hung && !worker->leaving) {
        register_tunnel(*worker);
      }
      break;
    case Happening::GetsReady:
      if (worker != nullptr && !worker->leaving) {
        worker->ready = true;
      }
      break;
    case Happening::Exits:
      if (worker != nullptr && !worker->hung) {
        exit_worker(*worker, 0, 0, "");
      }
      break;
    case Happening::ExitsWith:
      if (worker != nullptr && !worker->hung) {
        const BadEnd& end = kBadEnds.at(static_cast<std::size_t>(upcoming.detail));
        exit_worker(*worker, end.code, 0, end.line);
      }
      break;
    case Happening::KilledAtLast:
      if (worker != nullptr) {
        exit_worker(*worker, 0, 9, "");
      }
      break;
    case Happening::ProbeTimesOut:
      tell(ProbeFailed{{{static_cast<std::uint32_t>(upcoming.detail)}, {upcoming.generation}},
                       "no answer"});
      break;
    case Happening::RestTimesOut:
      tell(RestFailed{"timed out"});
      break;
    case Happening::Fault:
      if (!faults_ended_) {
        break_something();
        later(between(1s, 2 * fault_period_), Happening::Fault);
      }
      break;
    case Happening::OutageEnds:
      network_up_ = true;
      key_valid_ = true;
      note("* network and key are back");
      break;
    case Happening::RestBack:
      rest_up_ = true;
      note("* REST is back");
      break;
    case Happening::QuotaBack:
      quota_ = 1000;
      foreign_.clear();
      note("* the quota is back");
      break;
    case Happening::DiskBack:
      disk_full_ = false;
      break;
    case Happening::SupervisorReturns:
      if (!controller_) {
        start_supervisor(disk_);
      }
      break;
    case Happening::Thaw:
      note("* all workers go on");
      for (SimulatedWorker& each : workers_) {
        each.hung = false;
        each.went_on = now_;
      }
      break;
    case Happening::FaultsEnd:
      heal();
      break;
    case Happening::OperatorResumes:
      tell(RolloutCommanded{RolloutCommand::Resume});
      break;
  }
}

void SimulatedPool::break_something() {
  ++report_.faults;
  const std::uint64_t dice = random_.below(100);
  if (dice < 45) {
    if (SimulatedWorker* worker = any_worker(); worker != nullptr) {
      break_worker(*worker);
    }
  } else if (dice < 70) {
    break_surroundings();
  } else if (dice < 74) {
    replace_supervisor();
  } else if (dice < 82) {
    // In the middle of whatever it does next.
    actions_until_death_ = static_cast<int>(random_.below(12));
    death_lasts_ = random_.chance(0.8) ? between(0s, 1min) : between(1min, 40min);
    note("* the supervisor will be killed");
  } else {
    command_something();
  }
}

void SimulatedPool::break_worker(SimulatedWorker& worker) {
  note("* worker " + to_text(worker.id) + " breaks");
  switch (random_.below(9)) {
    case 0:
    case 1:
      exit_worker(worker, 0, random_.chance(0.5) ? 9 : 11, "");
      break;
    case 2:
      hang(worker);
      break;
    case 3:
      worker.deaf = true;
      break;
    case 4:
      hang(worker);
      worker.stuck = true;
      break;
    case 5:
      worker.unready_until = now_ + between(1s, 30min);
      break;
    case 6:
      worker.memory = 2000;
      break;
    case 7: {
      const BadEnd& end = kBadEnds.at(random_.below(kBadEnds.size()));
      exit_worker(worker, end.code, 0, end.line);
      break;
    }
    default:
      while (!workers_.empty()) {  // all at once
        exit_worker(workers_.back(), 0, 9, "");
      }
      break;
  }
}

void SimulatedPool::break_surroundings() {
  switch (random_.below(9)) {
    case 0:
    case 1:
      network_up_ = false;
      later(between(10s, 2h), Happening::OutageEnds);
      note("* the network is cut");
      break;
    case 2:
    case 3:
      rest_up_ = false;
      later(between(10s, 3h), Happening::RestBack);
      note("* REST is gone");
      break;
    case 4:
      key_valid_ = false;
      later(between(1min, 1h), Happening::OutageEnds);
      note("* the key is refused");
      break;
    case 5:
      quota_ = static_cast<std::uint32_t>(random_.below(2)) + tunnels();
      quota_was_tight_ = true;
      foreign_.push_back({{"foreign" + std::to_string(order_)}, {{0}, {0}}, now_});
      later(between(10min, 6h), Happening::QuotaBack);
      note("* the quota is " + std::to_string(quota_));
      break;
    case 6:
      disk_full_ = true;
      later(between(1min, 1h), Happening::DiskBack);
      note("* the disk is full");
      break;
    case 7:
      note("* all workers hang");
      for (SimulatedWorker& worker : workers_) {
        hang(worker);
      }
      if (random_.chance(0.7)) {
        later(between(10s, 30min), Happening::Thaw);
      }
      break;
    default:
      now_ = std::min(now_ + between(10s, 4h), quiet_from_);  // the host slept
      for (SimulatedWorker& worker : workers_) {
        worker.leaving_since = now_;
      }
      note("* time has jumped");
      break;
  }
}

void SimulatedPool::command_something() {
  if (!controller_) {
    return;
  }
  // Most of the trouble is in what comes while a rollout is under way.
  if (controller_->snapshot(now_).rollout.state == RolloutState::Idle && random_.chance(0.5)) {
    last_wish_ = now_;
    tell(RestartRequested{now_, {}, RestartStyle::Rolling});
    deliver();
    if (!controller_) {
      return;
    }
  }
  switch (random_.below(10)) {
    case 0:
      wished_size_ = static_cast<std::uint32_t>(1 + random_.below(6));
      largest_size_ = std::max(largest_size_, wished_size_);
      tell(ScaleRequested{wished_size_});
      break;
    case 1:
    case 2:
    case 3:
      last_wish_ = now_;
      tell(RestartRequested{now_, {}, RestartStyle::Rolling});
      tell(RestartRequested{now_, {}, RestartStyle::Rolling});  // cron fired twice
      break;
    case 4:
      tell(RestartRequested{
          now_, {{static_cast<std::uint32_t>(random_.below(3))}}, RestartStyle::AtOnce});
      break;
    case 5:
      tell(DrainRequested{{static_cast<std::uint32_t>(random_.below(wished_size_))}});
      break;
    case 6:
      tell(RolloutCommanded{static_cast<RolloutCommand>(random_.below(3))});
      break;
    default:
      ++config_.value;
      wished_size_ = policy_.size;
      tell(ConfigChanged{policy_, config_});
      tell(ScaleRequested{wished_size_});
      break;
  }
}

// From here on nothing breaks, and what is broken is mended.
void SimulatedPool::heal() {
  note("* the faults end");
  faults_ended_ = true;
  network_up_ = rest_up_ = key_valid_ = true;
  disk_full_ = false;
  quota_ = 1000;
  foreign_.clear();
  actions_until_death_ = -1;
  for (SimulatedWorker& worker : workers_) {
    worker.unready_until = now_;
  }
  if (!controller_) {
    start_supervisor(disk_);
  }
  ++config_.value;
  while (is_bad(config_)) {
    ++config_.value;
  }
  tell(ConfigChanged{policy_, config_});
  tell(ScaleRequested{wished_size_});
  // What was started before this moment may yet fail and stop the rollout once more, as it should.
  later(1h, Happening::OperatorResumes);
}

void SimulatedPool::kill_supervisor(Duration away) {
  ++report_.supervisor_deaths;
  note("* the supervisor is killed");
  controller_.reset();
  inbox_.clear();
  later(away, Happening::SupervisorReturns);
  if (away > kOrphanGrace) {
    for (SimulatedWorker& worker : workers_) {
      if (!worker.hung && !worker.deaf) {
        later(kOrphanGrace, Happening::Exits, worker.id.generation.value);
      }
    }
  }
}

// A new program in the same process: what it knew it hands over, whatever is on the disk.
void SimulatedPool::replace_supervisor() {
  if (controller_) {
    note("* the supervisor replaces itself");
    ++report_.upgrades;
    start_supervisor(controller_->record());
  }
}

void SimulatedPool::start_supervisor(const PoolRecord& record) {
  note("* the supervisor starts");
  supervisor_since_ = now_;
  reported_foreign_.clear();
  last_rollout_ = {};
  had_pool_cause_ = false;
  inbox_.clear();
  PoolRecord known = record;
  // What the names of log files tell.
  known.next_generation = std::max(known.next_generation, last_generation_ + 1);
  controller_ = std::make_unique<PoolController>(
      PoolController::Setup{policy_, config_, std::move(known), random_.next()});
  for (const SimulatedWorker& worker : workers_) {
    tell(WorkerAdopted{worker.id, worker.started_at, worker.config});
  }
  tell(PoolStarted{});
}

}  // namespace scpool::simulation
