#include "supervisor/core/pool_explanation.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

// One line of an explanation: what it tells, then the sentence.
std::string line(std::string_view what, const std::string& sentence) {
  std::string text = "  ";
  text.append(what).append(what.size() < 9 ? 9 - what.size() : 0, ' ');
  return text.append(sentence).append("\n");
}

std::string in_time(Instant when, Instant now) {
  return "in " + rough_duration(std::max(Duration::zero(), when - now));
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  return text.data();
}

std::string unhealthy_rule(const PoolSnapshot& pool, const PoolPolicy& policy) {
  return pool.network_suspected
             ? "Kept: the network or the server is suspected, since every worker looks unhealthy "
               "at "
               "once."
             : "Replaced when it has not been ready for " +
                   rough_duration(policy.unready_tolerance) + ", or when " +
                   std::to_string(policy.silent_probes) +
                   " probes in a row go unanswered; at most a quarter of the pool at once.";
}

std::string rule_of(const WorkerSnapshot& worker,
                    const PoolSnapshot& pool,
                    const PoolPolicy& policy) {
  switch (worker.state) {
    case WorkerState::Starting:
      return "Must be ready within " + rough_duration(policy.start_timeout) +
             ", else it is stopped and tried again later.";
    case WorkerState::Ready:
      if (worker.replacement) {
        return "Takes the slot over once it has been ready for " +
               rough_duration(policy.min_ready_time) + " (" + rough_duration(policy.canary_time) +
               " for the first of a new configuration).";
      }
      return policy.max_age == Duration::zero()
                 ? "Serves until somebody asks for a restart; workers do not age here."
                 : "Replaced before its maximum age of " + rough_duration(policy.max_age) +
                       ", spread over the pool; its successor is ready first.";
    case WorkerState::Unhealthy:
      return unhealthy_rule(pool, policy);
    case WorkerState::Draining:
      return "Gets no new jobs; running jobs and streams may take up to " +
             rough_duration(policy.drain_timeout) + ". It does not count for the pool's size.";
    case WorkerState::Stopping:
      return "Was asked to end, and is killed after " + rough_duration(policy.stop_grace) + ".";
    case WorkerState::Exited:
      return "Has ended.";
  }
  return "";
}

std::string limit_text(std::uint64_t limit, const std::string& text) {
  return limit == 0 ? "" : " of " + text;
}

std::string numbers_of(const WorkerSnapshot& worker, const PoolPolicy& policy, Instant now) {
  std::string text = "age " + rough_duration(now - worker.started_at) + ", " +
                     std::to_string(worker.jobs) + " jobs, " + std::to_string(worker.streams) +
                     " streams, " + std::to_string(worker.connections) + " connections, memory " +
                     size_text(worker.memory) +
                     limit_text(policy.memory_limit, size_text(policy.memory_limit));
  text += ", " + std::to_string(worker.descriptors) +
          limit_text(policy.descriptor_limit, std::to_string(policy.descriptor_limit)) +
          " descriptors";
  return text;
}

std::string health_of(const WorkerSnapshot& worker, const PoolSnapshot& pool) {
  std::string text = worker.local_ready ? "its /readyz says ready" : "its /readyz says not ready";
  if (worker.silent_probes > 0) {
    text += ", " + std::to_string(worker.silent_probes) +
            (worker.silent_probes == 1 ? " probe" : " probes in a row") + " unanswered";
  }
  if (worker.server_ready.has_value()) {
    text += *worker.server_ready ? "; the server lists the tunnel as ready"
                                 : "; the server lists the tunnel as not ready";
  } else {
    text += pool.rest_stale ? "; the REST API cannot be reached" : "; the server was not asked yet";
  }
  return text;
}

std::string worker_text(const WorkerSnapshot& worker,
                        const PoolSnapshot& pool,
                        const PoolPolicy& policy,
                        Instant now) {
  std::string text = "worker " + to_text(worker.worker) + " is " +
                     std::string(to_text(worker.state)) + " for " +
                     rough_duration(now - worker.since) + " (" + to_text(worker.reason) + ")" +
                     (worker.replacement ? ", to take the slot over" : "") + "\n";
  text += line("rule", rule_of(worker, pool, policy));
  text += line("next",
               worker.next_deadline == kNever
                   ? "nothing is due"
                   : worker.deadline_means + " " + in_time(worker.next_deadline, now));
  text += line("numbers", numbers_of(worker, policy, now));
  text += line("health", health_of(worker, pool));
  return text;
}

std::string vacancy_rule(const VacantSlotSnapshot& slot,
                         const PoolSnapshot& pool,
                         const PoolPolicy& policy) {
  if (slot.waits_for_trial && pool.pool_cause.has_value()) {
    return "The same failure (" + std::string(to_text(*pool.pool_cause)) +
           ") came in several slots within " + rough_duration(policy.alike_window) +
           ": one worker tries for all, the rest wait.";
  }
  switch (slot.state) {
    case VacancyState::Empty:
      return "May start at once.";
    case VacancyState::Backoff: {
      const bool quota = slot.last_cause == ExitCause::Quota;
      const BackoffRule& rule = quota ? policy.quota_backoff : policy.backoff;
      return "Each failure in a row lengthens the wait, from " + rough_duration(rule.base) +
             " to at most " + rough_duration(rule.cap) + ", at random below that; " +
             rough_duration(policy.stable_after) + " of being ready make it forget.";
    }
    case VacancyState::Failed:
      return "Waiting alone does not mend this cause: tried every " +
             rough_duration(policy.slow_retry) + ", and at once on 'sc-pool reload'.";
  }
  return "";
}

std::string vacancy_text(const VacantSlotSnapshot& slot,
                         const PoolSnapshot& pool,
                         const PoolPolicy& policy,
                         Instant now) {
  std::string text = "slot " + std::to_string(slot.slot.value) +
                     " has no worker: " + std::string(to_text(slot.state)) + " for " +
                     rough_duration(now - slot.since) + "\n";
  text += line("rule", vacancy_rule(slot, pool, policy));
  text += line(
      "next",
      slot.next_start == kNever ? "nothing is due" : "started " + in_time(slot.next_start, now));
  if (slot.last_cause.has_value()) {
    text += line("cause",
                 std::string(to_text(*slot.last_cause)) + ", " + std::to_string(slot.failures) +
                     (slot.failures == 1 ? " failure" : " failures in a row"));
  }
  for (const std::string& last : slot.last_lines) {
    text += "  | " + last + "\n";
  }
  return text;
}

std::string rollout_text(const RolloutSnapshot& rollout) {
  if (rollout.state == RolloutState::Idle) {
    return "";
  }
  std::string text = "rollout " + std::string(to_text(rollout.state)) + ": " +
                     std::to_string(rollout.done) + " of " + std::to_string(rollout.total) +
                     " replaced (" + to_text(rollout.reason) + ")\n";
  text += line("rule",
               rollout.state == RolloutState::Paused
                   ? "The old workers go on serving until 'sc-pool rollout resume' or 'cancel'."
                   : "The oldest goes next, after its successor has been ready long enough.");
  if (rollout.one_out_one_in) {
    text += line("quota", "The account allows no further tunnel: one goes before one comes.");
  }
  text += line("ledger",
               "lowest ready " + std::to_string(rollout.ledger.lowest_ready) + ", " +
                   seconds_text(rollout.ledger.lost_worker_seconds) + " of worker time lost");
  return text;
}

}  // namespace

std::string explanation(SlotIndex slot,
                        const PoolSnapshot& pool,
                        const PoolPolicy& policy,
                        Instant now) {
  std::string text;
  for (const WorkerSnapshot& worker : pool.workers) {
    if (worker.worker.slot == slot) {
      text += worker_text(worker, pool, policy, now);
    }
  }
  for (const VacantSlotSnapshot& vacant : pool.vacant) {
    if (vacant.slot == slot) {
      text += vacancy_text(vacant, pool, policy, now);
    }
  }
  if (text.empty()) {
    text = "slot " + std::to_string(slot.value) + " has no worker: " +
           (pool.shutting_down ? "the pool is stopping" : "the pool was made smaller") + "\n";
  }
  return text + rollout_text(pool.rollout);
}

}  // namespace scpool::supervisor
