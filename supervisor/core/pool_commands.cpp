// What people ask of a pool: scale, restart, drain, rollout commands, a new configuration, the end.
#include <algorithm>
#include <utility>

#include "supervisor/core/pool_state.hpp"

namespace scpool::supervisor {

void PoolState::resize(std::uint32_t size) {
  size_ = size;
  slots_.resize(size_);  // workers of removed slots leave as surplus
  dirty_ = true;
}

void PoolState::on(const ScaleRequested& event) {
  if (event.size > 0 && !stopping()) {
    resize(event.size);
  }
}

void PoolState::on(const RestartRequested& event) {
  if (stopping()) {
    return;
  }
  dirty_ = true;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const bool chosen =
        event.slots.empty() ||
        std::find(event.slots.begin(), event.slots.end(), member.id.slot) != event.slots.end();
    if (!chosen || !is_active(member.state) || member.started_at >= event.before) {
      continue;
    }
    if (event.style == RestartStyle::Rolling) {
      member.restart_wished = true;
    } else {
      dismiss(member,
              WorkerInput::DrainWanted,
              {ReasonKind::RestartWished, "all at once, as asked"},
              ExitCause::Asked);
    }
  }
  if (event.style == RestartStyle::Rolling) {
    begin_rollout({ReasonKind::RestartWished, {}});
  }
}

void PoolState::on(const DrainRequested& event) {
  if (stopping()) {
    return;
  }
  if (Member* member = regular_of(event.slot); member != nullptr) {
    dismiss(*member, WorkerInput::DrainWanted, {ReasonKind::DrainWished, {}}, ExitCause::Asked);
  }
}

void PoolState::on(const RolloutCommanded& event) {
  dirty_ = true;
  switch (event.command) {
    case RolloutCommand::Pause:
      rollout_.pause({ReasonKind::RolloutPaused, "as asked"});
      announce({ReasonKind::RolloutPaused, "as asked"});
      break;
    case RolloutCommand::Resume:
      rollout_.resume();
      announce({ReasonKind::RolloutResumed, {}});
      break;
    case RolloutCommand::Cancel:
      rollout_.cancel();
      for (Member& member : members_) {
        member.restart_wished = false;
      }
      announce({ReasonKind::RolloutCancelled, {}});
      break;
  }
}

void PoolState::on(const ConfigChanged& event) {
  if (stopping()) {
    return;
  }
  dirty_ = true;
  const bool resized = event.policy.size != policy_.size;
  policy_ = event.policy;
  if (resized) {
    resize(policy_.size);
  }
  rollout_.want(event.config);
  alike_.forget();
  quota_.forget();
  for (Slot& slot : slots_) {
    slot.history.next_start = now_;
    slot.history.forget_failures();
    slot.recycle_not_before = now_;
  }
  list_at_ = policy_.rest_period > Duration::zero() ? now_ : kNever;
  begin_rollout({ReasonKind::ConfigChanged, {}});
}

void PoolState::begin_rollout(Reason reason) {
  const std::uint32_t stale = stale_count();
  if (stale == 0) {
    return;
  }
  announce(
      {ReasonKind::RolloutStep, std::to_string(stale) + " workers to replace: " + to_text(reason)});
  rollout_.begin(std::move(reason), stale, ready_count(), now_);
  dirty_ = true;
}

void PoolState::on(const ShutdownRequested& event) {
  dirty_ = true;
  // Asked a second time means now.
  const bool again = stopping() && started_;
  stop_ = again ? StopUrgency::Now : event.urgency;
  announce({ReasonKind::ShuttingDown, *stop_ == StopUrgency::Now ? "now" : "when jobs are done"});
}

void PoolState::stop_everyone() {
  for (Member& member : members_) {
    const bool hurry = *stop_ == StopUrgency::Now;
    if (is_active(member.state)) {
      dismiss(member,
              hurry ? WorkerInput::StopWanted : WorkerInput::DrainWanted,
              {ReasonKind::ShuttingDown, {}},
              ExitCause::Asked);
    } else if (hurry && member.state == WorkerState::Draining) {
      apply(member, WorkerInput::StopWanted, {ReasonKind::ShuttingDown, "now"});
    }
  }
  if (!members_.empty()) {
    return;
  }
  const bool asks_rest = policy_.rest_period > Duration::zero();
  if (emptied_at_ == kNever) {
    emptied_at_ = now_;
    list_at_ = asks_rest ? now_ : kNever;  // a last look for what is left on the server
  }
  const bool looked = !asks_rest || rest_stale_ || listed_at_ >= emptied_at_;
  if ((looked && list_sent_ == kNever && orphans_.idle()) ||
      due(emptied_at_ + 3 * policy_.rest_timeout)) {
    finished_ = true;
    dirty_ = true;
    actions_.emplace_back(FinishShutdown{});
  }
}

}  // namespace scpool::supervisor
