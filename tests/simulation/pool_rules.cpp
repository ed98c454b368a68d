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

void SimulatedPool::check_after_event() {
  if (!controller_ || supervisor_since_ == now_) {
    return;  // adoption is not over before the first deliberate step
  }
  std::uint32_t active = 0;
  std::uint32_t serving = 0;
  const Duration patience =
      policy_.drain_timeout + 3 * policy_.stop_grace + policy_.start_timeout + 15min;
  for (const SimulatedWorker& worker : workers_) {
    active += worker.leaving || decided_to_leave(worker.id) ? 0U : 1U;
    serving += !worker.leaving && serves(worker) ? 1U : 0U;
    const Instant asked = std::max(worker.leaving_since, supervisor_since_);
    if (worker.leaving && now_ - asked > patience + policy_.probe_period) {
      broken("worker " + to_text(worker.id) + " was asked to leave and is still there");
    }
  }
  const std::uint32_t size = shadow_.size == 0 ? policy_.size : shadow_.size;
  if (active > size + policy_.max_surge) {
    broken(std::to_string(active) + " active workers, " + std::to_string(size) + " + " +
           std::to_string(policy_.max_surge) + " allowed");
  }
  if (workers_.size() > 6 * largest_size_ + policy_.max_surge) {
    broken(std::to_string(workers_.size()) + " processes for a pool of " + std::to_string(size));
  }
  if (faults_ended_ && full_since_ == kNever && serving >= wished_size_) {
    full_since_ = now_;
    report_.slowest_recovery = now_ - quiet_from_;
  }
}

void SimulatedPool::check_start(const StartWorker& todo) {
  if (todo.worker.generation.value <= last_generation_) {
    broken("generation " + std::to_string(todo.worker.generation.value) + " is used twice");
  }
  if (!written_in_batch_) {
    broken("a worker was started before it was written down");
  }
  if (shutting_down_) {
    broken("a worker was started during a shutdown");
  }
  std::uint32_t same_slot = 0;
  for (const SimulatedWorker& worker : workers_) {
    same_slot += worker.id.slot == todo.worker.slot && !worker.leaving ? 1U : 0U;
  }
  if (same_slot > 1) {
    broken("slot " + std::to_string(todo.worker.slot.value) + " has two workers already");
  }
}

// Rules 1, 2, 7 and 13: a worker that serves goes only when told to, or when what replaces it
// serves.
void SimulatedPool::check_departure(const SimulatedWorker& worker, const Reason& reason) {
  const PoolSnapshot view = controller_->snapshot(now_);
  const auto others = [&](auto matches) {
    return std::count_if(view.workers.begin(), view.workers.end(), [&](const auto& other) {
      return other.worker != worker.id && matches(other);
    });
  };
  switch (reason.kind) {
    case ReasonKind::ReplacementReady: {
      const auto heirs = others([&](const WorkerSnapshot& other) {
        return other.worker.slot == worker.id.slot && other.state == WorkerState::Ready;
      });
      if (heirs == 0) {
        broken("worker " + to_text(worker.id) + " was drained before its replacement was ready");
      }
      break;
    }
    case ReasonKind::ApiSilent: {
      const auto answering = std::count_if(workers_.begin(), workers_.end(), [&](const auto& each) {
        // What hung since the last probes was heard a moment ago.
        const bool heard = !each.hung || now_ - each.hung_since < policy_.probe_period + 30s;
        return each.id != worker.id && heard && !each.leaving;
      });
      const auto established = others([](const WorkerSnapshot& other) {
        return other.state == WorkerState::Ready || other.state == WorkerState::Unhealthy;
      });
      killed_for_silence_ += worker.leaving ? 0U : 1U;
      if (killed_for_silence_ > std::max<std::uint32_t>(1, view.size / 4)) {
        broken("more than a share of the pool was killed for silence at once");
      }
      if (!worker.leaving && established > 0 && answering == 0) {
        broken("worker " + to_text(worker.id) + " was killed although all were silent");
      }
      break;
    }
    case ReasonKind::MaxAge:
    case ReasonKind::MemoryLimit:
    case ReasonKind::DescriptorLimit:
    case ReasonKind::ConfigChanged:
    case ReasonKind::RestartWished: {
      const bool told = reason.detail.find("as asked") != std::string::npos;
      const auto ready =
          others([](const WorkerSnapshot& other) { return other.state == WorkerState::Ready; });
      const auto without_tunnel =
          std::count_if(view.vacant.begin(), view.vacant.end(), [](const auto& vacant) {
            return vacant.last_cause == ExitCause::Quota;
          });
      const auto missing =
          std::max<std::uint32_t>(policy_.max_unavailable, quota_was_tight_ ? 1U : 0U);
      if (!told && serves(worker) && ready + missing + without_tunnel < view.size) {
        broken("worker " + to_text(worker.id) + " was drained with " + std::to_string(ready) +
               " of " + std::to_string(view.size) + " left");
      }
      break;
    }
    default:
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
  // One may be going just now because of its age.
  if (serving + policy_.max_unavailable < wished_size_) {
    broken(std::to_string(serving) + " of " + std::to_string(wished_size_) +
           " serve after the faults have ended");
  }
  for (const SimulatedTunnel& tunnel : tunnels_) {
    if (worker_of(tunnel.worker.generation.value) == nullptr && policy_.rest_period > 0s) {
      broken("tunnel " + tunnel.id.value + " was left on the server");
    }
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
