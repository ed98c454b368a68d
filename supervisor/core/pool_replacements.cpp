// Which serving worker is replaced, and how: the new one first, or, when the account or the policy
// leaves no room, the old one first. And the pool's errands: probes, lists, deletions.
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/core/pool_state.hpp"

namespace scpool::supervisor {
namespace {

constexpr Duration kFirstProbe = 20ms;
constexpr Duration kSlowestStartProbe = 1s;
// Between two lists asked for because a worker waits for the server's word.
constexpr Duration kFirstListGap = 50ms;
constexpr Duration kSlowestListGap = 2s;

// The next instant of the pool's common rhythm, so that one wake-up serves all probes.
Instant next_beat(Instant now, Duration period) {
  return Instant{(now.time_since_epoch() / period + 1) * period};
}

}  // namespace

// Steps that replace what serves wait while something is wrong with the pool as a whole, and while
// as many are under way as the policy allows.
bool PoolState::room_for_steps() const {
  if (alike_.cause() || suspected_since_ != kNever) {
    return false;
  }
  std::uint32_t under_way = 0;
  std::uint32_t draining = 0;
  for (const Member& member : members_) {
    under_way += member.errand != Errand::None && is_active(member.state) ? 1U : 0U;
    draining += member.state == WorkerState::Draining ? 1U : 0U;
  }
  for (const Slot& slot : slots_) {
    under_way += slot.errand != Errand::None ? 1U : 0U;
  }
  const std::uint32_t allowed =
      std::max<std::uint32_t>(1, policy_.max_surge + policy_.max_unavailable);
  return under_way < allowed && draining < size_ + policy_.max_surge;
}

std::optional<Reason> PoolState::recycle_reason(const Member& member) {
  // While the REST API is silent no new worker could register: a replacement would only fail.
  if (member.state == WorkerState::Unhealthy && !rest_stale_ &&
      due(member.unready_since + policy_.unready_tolerance)) {
    return Reason{ReasonKind::NotReady,
                  "for more than " + duration_text(policy_.unready_tolerance)};
  }
  if (policy_.memory_limit > 0 && member.last.memory > policy_.memory_limit) {
    return Reason{ReasonKind::MemoryLimit, size_text(member.last.memory)};
  }
  if (policy_.descriptor_limit > 0 && member.last.descriptors > policy_.descriptor_limit) {
    return Reason{ReasonKind::DescriptorLimit, std::to_string(member.last.descriptors)};
  }
  if (due(member.retire_at)) {
    return Reason{ReasonKind::MaxAge, rough_duration(now_ - member.started_at)};
  }
  return std::nullopt;
}

void PoolState::begin_replacements() {
  if (suspected_since_ != kNever) {
    begin_trial();
    return;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    if (member.place != Place::Vacant || member.state == WorkerState::Starting ||
        !is_active(member.state)) {
      continue;
    }
    std::optional<Reason> reason = recycle_reason(member);
    if (reason && room_for_steps() && due(slots_[member.id.slot.value].recycle_not_before)) {
      replace(members_[i], Errand::Recycle, std::move(*reason));
    }
  }
  begin_rollout_step();
}

void PoolState::begin_trial() {
  const bool tried = std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.errand == Errand::Trial;
  });
  // Without its REST API the server takes no new worker: a trial would prove nothing.
  if (tried || rest_stale_ || !due(next_trial_)) {
    return;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].state == WorkerState::Unhealthy && members_[i].place == Place::Vacant) {
      next_trial_ = now_ + policy_.suspicion_limit;
      due(next_trial_);
      replace(members_[i],
              Errand::Trial,
              {ReasonKind::TrialOfSuspicion, "does a new worker become ready?"});
      return;
    }
  }
}

void PoolState::begin_rollout_step() {
  if (rollout_.state() != RolloutState::Running || !room_for_steps()) {
    return;
  }
  const bool canary_runs = std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return is_active(member.state) && member.config == rollout_.wanted();
  });
  if (rollout_.has_canary() && canary_runs) {
    return;
  }
  stale_.clear();
  for (const Member& member : members_) {
    const bool serves =
        member.state == WorkerState::Ready || member.state == WorkerState::Unhealthy;
    if (serves && member.place == Place::Vacant && outdated(member) &&
        replacement_of(member.id.slot) == nullptr) {
      stale_.push_back({member.id, member.started_at});
    }
  }
  if (const RolloutCandidate* next = rollout_.choose(stale_); next != nullptr) {
    Member* member = find(next->worker);
    const Reason why{member->restart_wished ? ReasonKind::RestartWished : ReasonKind::ConfigChanged,
                     {}};
    replace(*member, Errand::Rollout, why);
  }
}

// True when a step was taken.
bool PoolState::replace(Member& member, Errand errand, Reason reason) {
  const SlotIndex slot = member.id.slot;
  if (replacement_of(slot) != nullptr || count_leaving(slot) > 1) {
    return false;
  }
  const ConfigHash config = errand == Errand::Rollout ? rollout_.step_config() : config_for(slot);
  std::uint32_t beside = 0;
  for (const Member& each : members_) {
    beside += is_active(each.state) && each.place == Place::Beside ? 1U : 0U;
  }
  const bool quota_allows = quota_.may_add(static_cast<std::uint32_t>(members_.size()), now_);
  if (beside < policy_.max_surge && quota_allows) {
    start(slot, Place::Beside, errand, config, std::move(reason));
    return true;
  }
  const bool no_surge_at_all = policy_.max_surge == 0 || !quota_allows;
  const std::uint32_t others = ready_count() - (member.state == WorkerState::Ready ? 1U : 0U);
  // Unready only since a moment ago it may serve again in the next.
  const bool serves_no_more = member.state == WorkerState::Unhealthy &&
                              due(member.unready_since + policy_.unready_tolerance);
  if (!no_surge_at_all || (!serves_no_more && others < serving_floor())) {
    return false;
  }
  // The last one that serves waits for those that leave: their tunnels make room for another.
  const bool room_is_coming = std::any_of(
      members_.begin(), members_.end(), [](const Member& each) { return !is_active(each.state); });
  if (!serves_no_more && others == 0 && room_is_coming) {
    return false;
  }
  if (!quota_allows) {
    due(quota_.retry_at());
    reason.detail += reason.detail.empty() ? "" : "; ";
    reason.detail += "the account's tunnel limit leaves no room for a surge: one out, one in";
  }
  slots_[slot.value].errand = errand;
  dismiss(member, WorkerInput::DrainWanted, std::move(reason), ExitCause::Asked);
  return true;
}

void PoolState::pause_stuck_rollout() {
  const std::optional<Instant> progressed = rollout_.progressed_at();
  if (rollout_.state() != RolloutState::Running || !progressed ||
      !due(*progressed + policy_.progress_deadline)) {
    return;
  }
  const std::string waits_for =
      suspected_since_ != kNever ? "; the network or the server is suspected"
      : alike_.cause() ? "; several slots fail alike: " + std::string(to_text(*alike_.cause()))
                       : "";
  const std::string detail =
      "no progress for " + duration_text(policy_.progress_deadline) + waits_for;
  rollout_.pause({ReasonKind::RolloutFailed, detail});
  announce({ReasonKind::RolloutFailed, "paused, the old workers go on serving: " + detail});
  changed_ = true;
  dirty_ = true;
}

void PoolState::close_rollout() {
  if (rollout_.state() == RolloutState::Idle && rollout_.has_canary()) {
    begin_rollout({ReasonKind::ConfigChanged, {}});
  }
  pause_stuck_rollout();
  const RolloutState before = rollout_.state();
  if (before == RolloutState::Idle || rollout_.has_canary()) {
    return;  // nobody left to replace is not enough: the new configuration has to be proven
  }
  if (rollout_.note_progress(stale_count())) {
    const RolloutSnapshot view = rollout_.snapshot();
    std::string lost = std::to_string(view.ledger.lost_worker_seconds);
    lost.resize(lost.find('.') + 2);  // tenths are enough
    announce({ReasonKind::RolloutDone,
              std::to_string(view.total) + " replaced, lowest ready " +
                  std::to_string(view.ledger.lowest_ready) + " of " + std::to_string(size_) +
                  ", lost " + lost + " worker-seconds"});
    dirty_ = true;
  }
}

void PoolState::probe() {
  for (Member& member : members_) {
    if (member.state != WorkerState::Stopping && member.state != WorkerState::Exited) {
      probe_one(member);
    }
  }
}

void PoolState::probe_one(Member& member) {
  if (member.probe_sent != kNever) {
    // An answer that never comes is one that failed.
    if (!due(member.probe_sent + 2 * policy_.probe_timeout)) {
      return;
    }
    unanswered(member);
    changed_ = true;
  }
  if (!due(member.probe_at)) {
    return;
  }
  member.probe_sent = now_;
  if (member.state == WorkerState::Starting) {
    const Duration gap = (now_ - member.started_at) / 4;
    member.probe_at = now_ + std::clamp(gap, kFirstProbe, kSlowestStartProbe);
  } else {
    member.probe_at = next_beat(now_, policy_.probe_period);
  }
  due(member.probe_sent + 2 * policy_.probe_timeout);
  actions_.emplace_back(ProbeWorker{member.id});
}

void PoolState::list_tunnels() {
  if (policy_.rest_period <= Duration::zero()) {
    return;
  }
  if (list_sent_ != kNever) {
    if (!due(list_sent_ + 2 * policy_.rest_timeout)) {
      return;
    }
    rest_failed("no answer to the list of tunnels");
    changed_ = true;
  }
  // Only the server's word is missing: asked often at first, the longer it takes the more seldom.
  const auto one = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
    const bool waits =
        member.state == WorkerState::Starting || member.state == WorkerState::Unhealthy;
    return waits && member.health.local_ready() && !rest_stale_;
  });
  const bool one_waits = one != members_.end();
  Instant next = list_at_;
  if (one_waits) {
    const Duration gap = (now_ - one->since) / 4;
    next = std::min(next, listed_at_ + std::clamp(gap, kFirstListGap, kSlowestListGap));
  }
  if (!due(next)) {
    return;
  }
  list_sent_ = now_;
  list_at_ = now_ + policy_.rest_period;
  due(list_sent_ + 2 * policy_.rest_timeout);
  actions_.emplace_back(
      ListTunnels{{one_waits ? ReasonKind::StateChanged : ReasonKind::ProbeDue, {}}});
}

void PoolState::delete_orphans() {
  while (const auto orphan = orphans_.take_due(policy_, now_)) {
    actions_.emplace_back(DeleteTunnel{orphan->tunnel, {orphan->why, {}}});
  }
  due(orphans_.next_due());
}

}  // namespace scpool::supervisor
