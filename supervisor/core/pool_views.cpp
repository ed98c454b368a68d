// What others see of a pool: the snapshot, the record that is kept, the explanation of a slot.
#include <algorithm>

#include "common/base/text.hpp"
#include "supervisor/core/pool_explanation.hpp"
#include "supervisor/core/pool_state.hpp"

namespace scpool::supervisor {
namespace {

std::string_view meaning_of(WorkerState state) {
  switch (state) {
    case WorkerState::Starting:
      return "given up unless it is ready";
    case WorkerState::Ready:
      return "replaced: max age";
    case WorkerState::Unhealthy:
      return "replaced unless it is ready again";
    case WorkerState::Draining:
      return "asked to stop at once, whatever still runs";
    case WorkerState::Stopping:
      return "killed";
    case WorkerState::Exited:
      return "";
  }
  return "";
}

Instant deadline_of(const Member& member, const PoolPolicy& policy, bool suspected) {
  switch (member.state) {
    case WorkerState::Starting:
    case WorkerState::Draining:
    case WorkerState::Stopping:
      return member.deadline;
    case WorkerState::Ready:
      return member.retire_at;
    case WorkerState::Unhealthy:
      return suspected || member.unready_since == kNever
                 ? kNever
                 : member.unready_since + policy.unready_tolerance;
    case WorkerState::Exited:
      return kNever;
  }
  return kNever;
}

WorkerSnapshot view_of(const Member& member, const PoolPolicy& policy, bool suspected) {
  WorkerSnapshot view;
  view.worker = member.id;
  view.state = member.state;
  view.replacement = member.place == Place::Beside;
  view.started_at = member.started_at;
  view.since = member.since;
  view.reason = member.reason;
  view.next_deadline = deadline_of(member, policy, suspected);
  if (view.next_deadline != kNever) {
    view.deadline_means = meaning_of(member.state);
  }
  view.config = member.config;
  view.tunnel = member.last.tunnel;
  view.silent_probes = member.health.silent_probes();
  view.local_ready = member.health.local_ready();
  view.server_ready = member.health.server_ready();
  view.jobs = member.last.jobs;
  view.streams = member.last.streams;
  view.connections = member.last.connections;
  view.suspect_connections = member.last.suspect_connections;
  view.suspended_connections = member.last.suspended_connections;
  view.memory = member.last.memory;
  view.descriptors = member.last.descriptors;
  return view;
}

std::string quoted(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += "  | " + line + "\n";
  }
  return text;
}

}  // namespace

PoolSnapshot PoolState::snapshot(Instant now) const {
  PoolSnapshot view;
  view.size = size_;
  view.ready = ready_count();
  view.minimum_ready = std::max<std::uint32_t>(1, size_ - std::min(size_, policy_.max_unavailable));
  view.shutting_down = stopping();
  view.network_suspected = suspected_since_ != kNever;
  view.pool_cause = alike_.cause();
  view.rest_stale = rest_stale_;
  std::vector<std::uint32_t> filled(size_, 0);
  for (const Member& member : members_) {
    view.active += is_active(member.state) ? 1U : 0U;
    view.draining += member.state == WorkerState::Draining ? 1U : 0U;
    view.workers.push_back(view_of(member, policy_, view.network_suspected));
    if (is_active(member.state) && member.id.slot.value < size_) {
      filled[member.id.slot.value] = 1;
    }
  }
  std::sort(view.workers.begin(),
            view.workers.end(),
            [](const WorkerSnapshot& left, const WorkerSnapshot& right) {
              return left.worker < right.worker;
            });
  for (std::uint32_t i = 0; i < size_ && !stopping(); ++i) {
    const SlotHistory& history = slots_[i].history;
    if (filled[i] == 0) {
      const bool waits = alike_.cause() && history.next_start <= now;
      view.vacant.push_back({{i},
                             history.state,
                             history.last_cause,
                             history.last_lines,
                             history.failures,
                             history.new_failures(),
                             history.since,
                             waits ? std::max(alike_.next_trial(), now) : history.next_start,
                             waits});
    }
  }
  view.rollout = rollout_.snapshot();
  view.rollout.one_out_one_in = !quota_.may_add(static_cast<std::uint32_t>(members_.size()), now);
  return view;
}

PoolRecord PoolState::record() const {
  PoolRecord record;
  record.next_generation = next_generation_;
  record.size = size_ == policy_.size ? 0 : size_;
  record.proven_config = rollout_.proven();
  record.shutting_down = stopping() && !finished_;
  record.rollout = rollout_.record();
  record.workers = unclaimed_;
  for (const Member& member : members_) {
    WorkerRecord worker;
    worker.worker = member.id;
    worker.state = member.state;
    worker.replacement = member.place == Place::Beside;
    worker.started_at = member.started_at;
    worker.since = member.since;
    worker.deadline = member.deadline;
    worker.retire_at = member.retire_at;
    worker.config = member.config;
    worker.tunnel = member.last.tunnel;
    worker.restart_wished = member.restart_wished;
    record.workers.push_back(worker);
  }
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const SlotHistory& history = slots_[i].history;
    record.slots.push_back(
        {{i}, history.state, history.last_cause, history.failures, history.next_start});
  }
  record.condemned = orphans_.condemned();
  return record;
}

std::string PoolState::explain(SlotIndex slot, Instant now) const {
  const bool has_worker = std::any_of(members_.begin(), members_.end(), [slot](const auto& member) {
    return member.id.slot == slot;
  });
  if (!has_worker && slot.value >= slots_.size()) {
    return std::string();
  }
  std::string text = explanation(slot, snapshot(now), policy_, now);
  if (has_worker && slot.value < slots_.size()) {
    const SlotHistory& history = slots_[slot.value].history;
    if (history.failures > 0 && history.last_cause) {
      text += "an earlier one ended by " + std::string(to_text(*history.last_cause)) + " (" +
              std::to_string(history.failures) + " in a row)\n" + quoted(history.last_lines);
    }
  }
  return text;
}

}  // namespace scpool::supervisor
