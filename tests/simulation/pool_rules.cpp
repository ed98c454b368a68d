// The rules that always hold, checked against the simulated world and not against what the
// controller believes, wherever the world can tell.
#include <algorithm>
#include <string>

#include "common/base/text.hpp"
#include "tests/simulation/simulated_pool.hpp"

namespace scpool::simulation {

using namespace supervisor;

void SimulatedPool::broken(const std::string& rule) {
  if (report_.failure.empty()) {
    report_.failure = rule;
    report_.failed_at = now_;
    note("RULE BROKEN: " + rule);
  }
}

// Written down as leaving by a supervisor that died before it sent the signal: the next one cannot
// know, and lets it have the time of a drain.
bool SimulatedPool::decided_to_leave(WorkerId id) const {
  return std::any_of(shadow_.workers.begin(), shadow_.workers.end(), [&](const auto& record) {
    return record.worker == id && !is_active(record.state);
  });
}

namespace {

bool is_start(const PoolAction& action) {
  return std::holds_alternative<StartWorker>(action);
}

bool is_routine(const PoolAction& action) {
  return std::holds_alternative<ProbeWorker>(action) || std::holds_alternative<ListTunnels>(action);
}

bool is_rollout_step(const Reason& reason) {
  return (reason.kind == ReasonKind::RestartWished || reason.kind == ReasonKind::ConfigChanged) &&
         reason.detail.find("as asked") == std::string::npos;
}

const Reason* reason_of(const PoolAction& action) {
  return std::visit(
      [](const auto& todo) -> const Reason* {
        if constexpr (requires { todo.reason; }) {
          return &todo.reason;
        } else {
          return nullptr;
        }
      },
      action);
}

template <class Matches>
const Announce* find_announced(const PoolActions& actions, Matches matches) {
  for (const PoolAction& action : actions) {
    const auto* announced = std::get_if<Announce>(&action);
    if (announced != nullptr && matches(*announced)) {
      return announced;
    }
  }
  return nullptr;
}

}  // namespace

// What the event tells the supervisor, remembered by the world for rule 4.
void SimulatedPool::hear(const PoolEvent& event) {
  if (const auto* answer = std::get_if<ProbeAnswered>(&event)) {
    if (SimulatedWorker* worker = worker_of(answer->worker.generation.value); worker != nullptr) {
      worker->told_ready = answer->ready;
    }
  }
  if (const auto* list = std::get_if<RestListed>(&event)) {
    for (SimulatedWorker& worker : workers_) {
      worker.listed_ready =
          std::any_of(list->tunnels.begin(), list->tunnels.end(), [&](const auto& tunnel) {
            return tunnel.worker == worker.id && tunnel.is_ready;
          });
    }
  }
}

void SimulatedPool::check_after_event(const PoolEvent& event, const PoolActions& actions) {
  check_foreign(event, actions);
  check_readiness(actions);
  const bool routine = std::all_of(actions.begin(), actions.end(), is_routine);
  if (routine && report_.events % 16 != 0) {
    return;  // a probe that says nothing new changes nothing
  }
  const PoolSnapshot view = controller_->snapshot(now_);
  if (std::holds_alternative<PoolStarted>(event)) {
    check_adoption(view);
  }
  if (supervisor_since_ != now_) {  // adoption is over with the first deliberate step
    check_standing(view);
    check_processes(view);
    check_rollout(view, actions);
    check_vacancies(view);
    check_deadlines(view);
    check_pool_cause(view, actions);
    check_reasons(event, view, actions);
  }
  last_rollout_ = view.rollout;
  last_ready_ = view.ready;
  had_pool_cause_ = view.pool_cause.has_value();
}

// Rule 1, its upper bound; the lower one is checked with each departure.
void SimulatedPool::check_standing(const PoolSnapshot& /*view*/) {
  std::uint32_t active = 0;
  std::uint32_t serving = 0;
  for (const SimulatedWorker& worker : workers_) {
    active += worker.leaving || decided_to_leave(worker.id) ? 0U : 1U;
    serving += !worker.leaving && serves(worker) ? 1U : 0U;
  }
  const std::uint32_t size = shadow_.size == 0 ? policy_.size : shadow_.size;
  rule(1, active <= size + policy_.max_surge, [&] {
    return std::to_string(active) + " active workers, " + std::to_string(size) + " + " +
           std::to_string(policy_.max_surge) + " allowed";
  });
  if (faults_ended_ && full_since_ == kNever && serving >= wished_size_) {
    full_since_ = now_;
    report_.slowest_recovery = now_ - quiet_from_;
  }
}

// Rules 8 and 9: nobody stays who was asked to leave.
void SimulatedPool::check_processes(const PoolSnapshot& view) {
  const Duration patience = policy_.drain_timeout + 3 * policy_.stop_grace + policy_.start_timeout +
                            15min + policy_.probe_period;
  for (const SimulatedWorker& worker : workers_) {
    if (worker.leaving) {
      const Instant asked = std::max(worker.leaving_since, supervisor_since_);
      rule(8, now_ - asked <= patience, [&] {
        return "worker " + to_text(worker.id) + " was asked to leave and is still there";
      });
    }
  }
  rule(9, workers_.size() <= 6 * largest_size_ + policy_.max_surge, [&] {
    return std::to_string(workers_.size()) + " processes for a pool of " +
           std::to_string(view.size);
  });
}

// Rules 3 and 13.
void SimulatedPool::check_rollout(const PoolSnapshot& view, const PoolActions& actions) {
  const bool stays_paused =
      view.rollout.state == RolloutState::Paused && last_rollout_.state == RolloutState::Paused;
  if (stays_paused) {
    const auto step = std::find_if(actions.begin(), actions.end(), [](const PoolAction& action) {
      return is_start(action) && is_rollout_step(std::get<StartWorker>(action).reason);
    });
    rule(3, step == actions.end(), [] { return std::string("a paused rollout took a step"); });
  }
  const bool goes_on = view.rollout.state == RolloutState::Running &&
                       last_rollout_.state == RolloutState::Running &&
                       view.rollout.began == last_rollout_.began;
  if (goes_on) {
    rule(13, view.rollout.ledger.lowest_ready <= last_ready_, [&] {
      return "the ledger says " + std::to_string(view.rollout.ledger.lowest_ready) +
             " were ready at least, there were " + std::to_string(last_ready_);
    });
  }
}

// Rule 4, for each worker that becomes ready for the first time.
void SimulatedPool::check_readiness(const PoolActions& actions) {
  find_announced(actions, [this](const Announce& said) {
    const bool first = said.state == WorkerState::Ready && said.reason.detail.empty() &&
                       said.reason.kind == ReasonKind::BecameReady;
    const SimulatedWorker* worker =
        first && said.worker ? worker_of(said.worker->generation.value) : nullptr;
    if (worker != nullptr) {
      const bool server_tells =
          policy_.rest_period > Duration::zero() && !controller_->snapshot(now_).rest_stale;
      rule(4, worker->told_ready && (worker->listed_ready || !server_tells), [&] {
        return "worker " + to_text(worker->id) + " counts as ready; the worker says " +
               (worker->told_ready ? "yes" : "no") + ", the server " +
               (worker->listed_ready ? "yes" : "no");
      });
    }
    return false;
  });
}

// Rules 6 and 15, for each slot without a worker.
void SimulatedPool::check_vacancies(const PoolSnapshot& view) {
  const Duration longest =
      std::max({policy_.slow_retry * 5 / 4, policy_.backoff.cap, policy_.quota_backoff.cap});
  for (const VacantSlotSnapshot& slot : view.vacant) {
    const std::string name = "slot " + std::to_string(slot.slot.value);
    if (slot.last_cause) {
      const bool permanent = is_permanent(*slot.last_cause);
      rule(6, slot.state != VacancyState::Failed || permanent, [&] {
        return name + " has failed for " + std::string(to_text(*slot.last_cause));
      });
    }
    rule(15, slot.next_start <= now_ + longest, [&] {
      return name + " is never tried again, or much too late";
    });
  }
}

// Rule 8, for each worker that is waited for.
void SimulatedPool::check_deadlines(const PoolSnapshot& view) {
  const Duration longest =
      std::max({policy_.start_timeout, policy_.drain_timeout, policy_.stop_grace});
  for (const WorkerSnapshot& worker : view.workers) {
    const bool waited_for = worker.state == WorkerState::Starting ||
                            worker.state == WorkerState::Draining ||
                            worker.state == WorkerState::Stopping;
    if (waited_for) {
      rule(8, worker.next_deadline <= now_ + longest, [&] {
        return "worker " + to_text(worker.worker) + " is waited for without a deadline";
      });
    }
  }
}

// Rule 10.
void SimulatedPool::check_foreign(const PoolEvent& event, const PoolActions& actions) {
  const auto* list = std::get_if<RestListed>(&event);
  if (list == nullptr) {
    return;
  }
  for (const ListedTunnel& tunnel : list->tunnels) {
    const bool is_news = !tunnel.worker && !tunnel.pool_flag && reported_foreign_.size() < 60 &&
                         reported_foreign_.insert(tunnel.id.value).second;
    if (is_news) {
      const Announce* said = find_announced(actions, [&](const Announce& each) {
        return each.reason.kind == ReasonKind::ForeignTunnel &&
               each.reason.detail.find(tunnel.id.value) != std::string::npos;
      });
      rule(10, said != nullptr, [&] { return "nobody was told of " + tunnel.id.value; });
    }
  }
}

// Rule 11: after a death or an upgrade.
void SimulatedPool::check_adoption(const PoolSnapshot& view) {
  for (const SimulatedWorker& worker : workers_) {
    const auto known =
        std::count_if(view.workers.begin(), view.workers.end(), [&](const WorkerSnapshot& each) {
          return each.worker == worker.id;
        });
    rule(11, known == 1, [&] {
      return "worker " + to_text(worker.id) + " lives and is known " + std::to_string(known) +
             " times";
    });
  }
}

// Rule 15: with a pool-wide cause, vacancies are filled one at a time, and nobody leaves for it.
void SimulatedPool::check_pool_cause(const PoolSnapshot& view, const PoolActions& actions) {
  if (!view.pool_cause || !had_pool_cause_) {
    return;
  }
  const auto tries = std::count_if(actions.begin(), actions.end(), [](const PoolAction& action) {
    const auto* start = std::get_if<StartWorker>(&action);
    return start != nullptr && (start->reason.kind == ReasonKind::BackoffOver ||
                                start->reason.kind == ReasonKind::SlowRetry ||
                                start->reason.kind == ReasonKind::SlotVacant);
  });
  rule(15, tries <= 1, [&] { return std::to_string(tries) + " slots try at once"; });
}

// Rule 16.
void SimulatedPool::check_reasons(const PoolEvent& event,
                                  const PoolSnapshot& view,
                                  const PoolActions& actions) {
  for (const PoolAction& action : actions) {
    const Reason* reason = reason_of(action);
    const bool said = reason == nullptr || is_routine(action) ||
                      reason->kind != ReasonKind::StateChanged || !reason->detail.empty() ||
                      std::holds_alternative<Announce>(action);
    rule(16, said, [] { return std::string("an action without a reason"); });
  }
  if (view.size > 0) {
    const SlotIndex slot{static_cast<std::uint32_t>(++explained_ % view.size)};
    rule(16, !controller_->explain(slot, now_).empty(), [&] {
      return "slot " + std::to_string(slot.value) + " is not explained";
    });
  }
  if (const auto* exited = std::get_if<WorkerExited>(&event)) {
    const Announce* end = find_announced(actions, [&](const Announce& each) {
      return each.worker == exited->worker && each.state == WorkerState::Exited && each.cause;
    });
    rule(16, end != nullptr, [&] {
      return "the end of worker " + to_text(exited->worker) + " left no record";
    });
  }
}

void SimulatedPool::check_start(const StartWorker& todo) {
  rule(9, todo.worker.generation.value > last_generation_, [&] {
    return "generation " + std::to_string(todo.worker.generation.value) + " is used twice";
  });
  rule(12, written_in_batch_, [] {
    return std::string("a worker was started before it was written down");
  });
  if (shutting_down_) {
    broken("a worker was started during a shutdown");
  }
  std::uint32_t same_slot = 0;
  const SimulatedWorker* old = nullptr;
  for (const SimulatedWorker& worker : workers_) {
    if (worker.id.slot == todo.worker.slot && !worker.leaving) {
      ++same_slot;
      old = &worker;
    }
  }
  rule(1, same_slot <= 1, [&] {
    return "slot " + std::to_string(todo.worker.slot.value) + " has two workers already";
  });
  if (todo.reason.kind == ReasonKind::MaxAge) {
    check_age(todo.worker.slot);
  }
  if (todo.reason.kind == ReasonKind::RestartWished && old != nullptr) {
    check_wish(*old);
  }
}

// Rule 5: the oldest of the slot is old enough, and it is not the whole pool's turn.
void SimulatedPool::check_age(SlotIndex slot) {
  ++retired_for_age_;
  Duration oldest{};
  for (const SimulatedWorker& worker : workers_) {
    if (worker.id.slot == slot) {
      oldest = std::max(oldest, now_ - worker.started_at);
    }
  }
  // Nobody there: it has just ended by itself, and the news is on its way.
  rule(5, oldest == Duration::zero() || 2 * oldest >= policy_.max_age, [&] {
    return "slot " + std::to_string(slot.value) + " is replaced at the age of " +
           rough_duration(oldest) + ", max age is " + rough_duration(policy_.max_age);
  });
  const std::uint32_t allowed =
      std::max<std::uint32_t>(1, policy_.max_surge + policy_.max_unavailable);
  rule(5, retired_for_age_ <= allowed, [&] {
    return std::to_string(retired_for_age_) + " are replaced for their age at once";
  });
}

void SimulatedPool::check_wish(const SimulatedWorker& old) {
  rule(14, old.started_at < last_wish_, [&] {
    return "worker " + to_text(old.id) + " is restarted and was started after the wish";
  });
}

void SimulatedPool::check_silence(const SimulatedWorker& worker, const PoolSnapshot& view) {
  const auto answers = [&](WorkerId id) {
    return std::any_of(workers_.begin(), workers_.end(), [&](const SimulatedWorker& each) {
      // What hung since the last probes was heard a moment ago.
      return each.id == id && (!each.hung || now_ - each.hung_since < policy_.probe_period + 30s);
    });
  };
  // By what the supervisor knows: with a full disk, one that began to drain under the supervisor
  // before it is taken for ready, and answers.
  std::ptrdiff_t established = 0;
  std::ptrdiff_t answering = 0;
  for (const WorkerSnapshot& other : view.workers) {
    const bool counts = other.state == WorkerState::Ready || other.state == WorkerState::Unhealthy;
    if (counts && other.worker != worker.id) {
      ++established;
      answering += answers(other.worker) ? 1 : 0;
    }
  }
  killed_for_silence_ += worker.leaving ? 0U : 1U;
  rule(7, killed_for_silence_ <= std::max<std::uint32_t>(1, view.size / 4), [] {
    return std::string("more than a share of the pool was ended at once");
  });
  // A question that was on its way when the worker went on stays without an answer.
  const bool just_went_on =
      worker.went_on && now_ - *worker.went_on < policy_.probe_timeout + policy_.probe_period;
  rule(7, worker.leaving || worker.hung || just_went_on, [&] {
    return "worker " + to_text(worker.id) + " was ended for silence and answers";
  });
  rule(7, worker.leaving || established == 0 || answering > 0, [&] {
    return "worker " + to_text(worker.id) + " was ended although all were silent";
  });
}

// A step of a rollout or of recycling that takes the old worker first: rules 1, 5, 13 and 14.
void SimulatedPool::check_step(const SimulatedWorker& worker,
                               const Reason& reason,
                               const PoolSnapshot& view) {
  if (reason.kind == ReasonKind::MaxAge) {
    check_age(worker.id.slot);
  }
  if (reason.detail.find("as asked") != std::string::npos) {
    return;
  }
  if (reason.kind == ReasonKind::RestartWished) {
    check_wish(worker);
  }
  const auto ready =
      std::count_if(view.workers.begin(), view.workers.end(), [&](const WorkerSnapshot& other) {
        return other.worker != worker.id && other.state == WorkerState::Ready;
      });
  const auto without_tunnel =
      std::count_if(view.vacant.begin(), view.vacant.end(), [](const auto& vacant) {
        return vacant.last_cause == ExitCause::Quota;
      });
  const auto missing = std::max<std::uint32_t>(policy_.max_unavailable, quota_was_tight_ ? 1U : 0U);
  // What it said last is what can be known of it.
  rule(1,
       !serves(worker) || !worker.told_ready || ready + missing + without_tunnel >= view.size,
       [&] {
         return "worker " + to_text(worker.id) + " was drained with " + std::to_string(ready) +
                " of " + std::to_string(view.size) + " left";
       });
}

// A worker that goes because we say so: each reason has its own conditions, and without one of
// these reasons nobody goes who serves (rule 13).
void SimulatedPool::check_departure(const SimulatedWorker& worker, const Reason& reason) {
  const PoolSnapshot view = controller_->snapshot(now_);
  switch (reason.kind) {
    case ReasonKind::ReplacementReady: {
      const auto heirs =
          std::count_if(view.workers.begin(), view.workers.end(), [&](const auto& other) {
            // In the same breath the next wish may ask for the heir's own successor.
            const bool stood =
                other.state == WorkerState::Ready && other.since + policy_.min_ready_time <= now_;
            const bool just_left = other.state == WorkerState::Draining && other.since == now_;
            return other.worker != worker.id && other.worker.slot == worker.id.slot &&
                   (stood || just_left);
          });
      rule(2, heirs > 0, [&] {
        return "worker " + to_text(worker.id) + " was drained before its replacement was ready";
      });
      break;
    }
    case ReasonKind::ApiSilent:
      check_silence(worker, view);
      break;
    case ReasonKind::MaxAge:
    case ReasonKind::MemoryLimit:
    case ReasonKind::DescriptorLimit:
    case ReasonKind::ConfigChanged:
    case ReasonKind::RestartWished:
      check_step(worker, reason, view);
      break;
    case ReasonKind::NotReady:
    case ReasonKind::NotReadyAtServer:
    case ReasonKind::StartTimeout:
    case ReasonKind::TrialOfSuspicion:
    case ReasonKind::ScaledDown:
    case ReasonKind::DrainWished:
    case ReasonKind::ShuttingDown:
    case ReasonKind::Surplus:
    case ReasonKind::Adopted:
      break;
    default:
      rule(13, !serves(worker) || worker.leaving || decided_to_leave(worker.id), [&] {
        return "worker " + to_text(worker.id) +
               " serves and goes for no good reason: " + to_text(reason);
      });
      break;
  }
}

void SimulatedPool::check_target() {
  const PoolSnapshot view = controller_->snapshot(now_);
  if (view.size != wished_size_) {
    broken("size is " + std::to_string(view.size) + " and not " + std::to_string(wished_size_));
  }
  std::uint32_t serving = 0;
  for (const SimulatedWorker& worker : workers_) {
    serving += !worker.leaving && serves(worker) ? 1U : 0U;
    if (!worker.leaving && worker.config != config_) {
      broken("worker " + to_text(worker.id) + " still has configuration " +
             std::to_string(worker.config.value) + " and not " + std::to_string(config_.value));
    }
  }
  if (policy_.max_age > Duration::zero()) {
    for (const SimulatedWorker& worker : workers_) {
      const Duration age = now_ - worker.started_at;
      rule(5, worker.leaving || age <= policy_.max_age + 1h, [&] {
        return "worker " + to_text(worker.id) + " is " + rough_duration(age) + " old";
      });
    }
  }
  // One may be going just now because of its age.
  if (serving + policy_.max_unavailable < wished_size_) {
    broken(std::to_string(serving) + " of " + std::to_string(wished_size_) +
           " serve after the faults have ended");
  }
  for (const SimulatedTunnel& tunnel : tunnels_) {
    const bool lives = worker_of(tunnel.worker.generation.value) != nullptr;
    rule(9, lives || policy_.rest_period <= 0s, [&] {
      return "tunnel " + tunnel.id.value + " was left on the server";
    });
  }
}

void SimulatedPool::check_nothing_left() {
  if (!report_.failure.empty()) {
    return;
  }
  if (!shut_down_) {
    broken("the shutdown did not end");
  } else if (!workers_.empty()) {
    broken(std::to_string(workers_.size()) + " processes are left after the shutdown");
  } else if (controller_->next_deadline() != kNever) {
    broken("the pool has ended and still wants to be woken");
  }
  // Without REST lists a tunnel whose id was never learned cannot be found.
  for (const SimulatedTunnel& tunnel : tunnels_) {
    if (policy_.rest_period > 0s) {
      broken("tunnel " + tunnel.id.value + " is left on the server after the shutdown");
    }
  }
}

}  // namespace scpool::simulation
