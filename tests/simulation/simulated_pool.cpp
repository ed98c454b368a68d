#include "tests/simulation/simulated_pool.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::simulation {

using namespace supervisor;

SimulationReport simulate_pool(const SimulationPlan& plan) {
  return SimulatedPool(plan).run();
}

SimulatedPool::SimulatedPool(const SimulationPlan& plan) : plan_(plan), random_(plan.seed) {
  end_ = now_ + plan_.span;
  quiet_from_ = end_ - std::min<Duration>(8h, plan_.span / 4);
  policy_.size = static_cast<std::uint32_t>(1 + random_.below(random_.chance(0.1) ? 12 : 5));
  policy_.max_surge = static_cast<std::uint32_t>(random_.below(3));
  policy_.max_unavailable =
      policy_.size > 1 && (policy_.max_surge == 0 || random_.chance(0.2)) ? 1 : 0;
  if (policy_.max_surge == 0 && policy_.max_unavailable == 0) {
    policy_.max_surge = 1;
  }
  // Rare probes make a simulated week cheap; all other waits keep their usual proportion.
  policy_.probe_period = between(20s, 400s);
  policy_.rest_period = random_.chance(0.1) ? 0s : between(60s, 900s);
  policy_.max_age = random_.chance(0.2) ? Duration{0} : between(4h, 48h);
  policy_.drain_timeout = between(10s, 10min);
  policy_.unready_tolerance = between(60s, 600s);
  policy_.memory_limit = 1000;
  wished_size_ = policy_.size;
  largest_size_ = policy_.size;
  fault_period_ = between(10min, 8h);
}

SimulationReport SimulatedPool::run() {
  start_supervisor(disk_);
  later(between(1min, fault_period_), Happening::Fault);
  agenda_.push({quiet_from_, order_++, Happening::FaultsEnd, 0, 0});
  deliver();
  while (report_.failure.empty() && now_ < end_) {
    const Instant wake = controller_ ? controller_->next_deadline() : kNever;
    const Instant upcoming = agenda_.empty() ? kNever : agenda_.top().at;
    const Instant next = std::min({wake, upcoming, end_});
    now_ = std::max(now_, next);
    if (upcoming <= wake && upcoming < end_) {
      const Upcoming event = agenda_.top();
      agenda_.pop();
      happen(event);
    } else if (wake < end_) {
      tell(TimerFired{});
    }
    deliver();
  }
  if (report_.failure.empty()) {
    check_target();
  }
  if (report_.failure.empty()) {
    shutting_down_ = true;
    tell(ShutdownRequested{random_.chance(0.5) ? StopUrgency::Drain : StopUrgency::Now});
    deliver();
    const Instant limit = now_ + policy_.drain_timeout + 10 * policy_.stop_grace + 10min;
    while (report_.failure.empty() && !shut_down_ && now_ < limit) {
      const Instant upcoming = agenda_.empty() ? kNever : agenda_.top().at;
      now_ = std::max(now_, std::min({controller_->next_deadline(), upcoming, limit}));
      if (upcoming <= now_) {
        const Upcoming event = agenda_.top();
        agenda_.pop();
        happen(event);
      } else {
        tell(TimerFired{});
      }
      deliver();
    }
    check_nothing_left();
  }
  return report_;
}

void SimulatedPool::deliver() {
  while (!inbox_.empty() && report_.failure.empty()) {
    const PoolEvent event = std::move(inbox_.front());
    inbox_.pop_front();
    if (controller_) {
      handle(event);
    }
  }
}

void SimulatedPool::handle(const PoolEvent& event) {
  ++report_.events;
  describe(event);
  handled_here_ = handled_at_ == now_ ? handled_here_ + 1 : 0;
  handled_at_ = now_;
  if (handled_here_ > 5000) {
    broken("the supervisor is busy without time passing");
    return;
  }
  written_in_batch_ = false;
  killed_for_silence_ = 0;
  retired_for_age_ = 0;
  hear(event);
  const PoolActions actions = controller_->handle(event, now_);
  for (const PoolAction& action : actions) {
    describe(action);
    std::visit([this](const auto& todo) { perform(todo); }, action);
    if (actions_until_death_ >= 0 && actions_until_death_-- == 0) {
      actions_until_death_ = -1;
      kill_supervisor(death_lasts_);
      return;
    }
  }
  if (const Instant wake = controller_->next_deadline(); wake <= now_ && inbox_.empty()) {
    broken("the next deadline is not in the future");
  }
  check_after_event(event, actions);
}

void SimulatedPool::perform(const StartWorker& todo) {
  check_start(todo);
  ++report_.starts;
  last_generation_ = std::max(last_generation_, todo.worker.generation.value);
  if (!faults_ended_ && random_.chance(0.003)) {
    tell(SpawnFailed{todo.worker, ExitCause::Resources, "fork: Resource temporarily unavailable"});
    return;
  }
  SimulatedWorker worker;
  worker.id = todo.worker;
  worker.config = todo.config;
  worker.started_at = now_;
  workers_.push_back(worker);
  tell(WorkerSpawned{todo.worker});
  boot(workers_.back());
}

void SimulatedPool::perform(const DrainWorker& todo) {
  SimulatedWorker* worker = worker_of(todo.worker.generation.value);
  if (worker == nullptr) {
    return;  // it has just ended by itself
  }
  check_departure(*worker, todo.reason);
  rule(12, written_in_batch_ || worker->leaving || decided_to_leave(worker->id), [&] {
    return "worker " + to_text(worker->id) + " was drained before it was written down";
  });
  hear_signal(*worker);
}

void SimulatedPool::perform(const SignalWorker& todo) {
  SimulatedWorker* worker = worker_of(todo.worker.generation.value);
  if (worker == nullptr) {
    return;
  }
  if (!worker->leaving) {
    check_departure(*worker, todo.reason);
    const bool at_once = todo.reason.kind == ReasonKind::ApiSilent ||
                         todo.reason.kind == ReasonKind::ReplacementReady;
    rule(8, todo.signal != WorkerSignal::Kill || at_once || decided_to_leave(worker->id), [&] {
      return "worker " + to_text(worker->id) + " was killed and never asked";
    });
  }
  if (todo.signal == WorkerSignal::Stop) {
    hear_signal(*worker);
    return;
  }
  worker->leaving_since = worker->leaving ? worker->leaving_since : now_;
  worker->leaving = true;
  worker->ready = false;
  if (worker->stuck) {
    later(between(1min, 10min), Happening::KilledAtLast, worker->id.generation.value);
  } else {
    exit_worker(*worker, 0, 9, "");
  }
}

void SimulatedPool::perform(const ProbeWorker& todo) {
  SimulatedWorker* worker = worker_of(todo.worker.generation.value);
  if (worker == nullptr || worker->hung || now_ - worker->started_at < 20ms) {
    // A refused connection is known at once, silence at the deadline.
    if (worker != nullptr && worker->hung) {
      later(policy_.probe_timeout,
            Happening::ProbeTimesOut,
            todo.worker.generation.value,
            static_cast<int>(todo.worker.slot.value));
    } else {
      tell(ProbeFailed{todo.worker, "connection refused"});
    }
    return;
  }
  if (!faults_ended_ && random_.chance(0.001)) {
    return;  // the answer is lost
  }
  ProbeAnswered answer;
  answer.worker = todo.worker;
  answer.ready = serves(*worker);
  answer.connected = answer.ready;
  answer.memory = worker->memory;
  if (worker->registered) {
    answer.tunnel.value = "t" + std::to_string(worker->id.generation.value);
  }
  tell(std::move(answer));
}

void SimulatedPool::perform(const ListTunnels& /*todo*/) {
  if (!rest_up_) {
    if (random_.chance(0.5)) {
      later(policy_.rest_timeout, Happening::RestTimesOut);
    } else {
      tell(RestFailed{"504 <html>Gateway timeout</html>"});
    }
    return;
  }
  RestListed list;
  for (const SimulatedTunnel& tunnel : tunnels_) {
    const SimulatedWorker* worker = worker_of(tunnel.worker.generation.value);
    const bool ready = worker != nullptr && serves(*worker) && tunnel.ready_at <= now_;
    list.tunnels.push_back({tunnel.id, ready, true, false, tunnel.worker});
  }
  for (const SimulatedTunnel& tunnel : foreign_) {
    list.tunnels.push_back({tunnel.id, true, tunnel.worker.slot.value != 0, false, std::nullopt});
  }
  tell(std::move(list));
}

void SimulatedPool::perform(const DeleteTunnel& todo) {
  const auto found = std::find_if(tunnels_.begin(), tunnels_.end(), [&](const auto& tunnel) {
    return tunnel.id == todo.tunnel;
  });
  if (found == tunnels_.end()) {
    const bool foreign = std::any_of(foreign_.begin(), foreign_.end(), [&](const auto& tunnel) {
      return tunnel.id == todo.tunnel;
    });
    rule(9, !foreign, [] { return std::string("a foreign tunnel was to be deleted"); });
  } else {
    rule(9, worker_of(found->worker.generation.value) == nullptr, [&] {
      return "the tunnel of a living worker was to be deleted: " + todo.tunnel.value;
    });
  }
  if (!rest_up_) {
    tell(TunnelDeleteFailed{todo.tunnel, "504"});
    return;
  }
  if (found != tunnels_.end()) {
    tunnels_.erase(found);
  }
  tell(TunnelDeleted{todo.tunnel});
}

void SimulatedPool::perform(const WriteState& /*todo*/) {
  shadow_ = controller_->record();
  written_in_batch_ = true;
  if (!disk_full_) {
    disk_ = shadow_;
  }
}

void SimulatedPool::perform(const Announce& todo) {
  report_.rollouts_done += todo.reason.kind == ReasonKind::RolloutDone ? 1U : 0U;
  report_.rollouts_stopped += todo.reason.kind == ReasonKind::RolloutFailed ? 1U : 0U;
}

void SimulatedPool::perform(const FinishShutdown& /*todo*/) {
  if (!shutting_down_) {
    broken("the pool ended without being asked");
  }
  shut_down_ = true;
}

void SimulatedPool::note(const std::string& line) {
  if (plan_.trace != nullptr) {
    *plan_.trace << duration_text(now_ - Instant{1h}) << " " << line << "\n";
  }
}

}  // namespace scpool::simulation
