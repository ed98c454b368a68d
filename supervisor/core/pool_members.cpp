// Queries over members and slots, and the steps that one worker takes: start, leave, hand over,
// end.
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/core/pool_state.hpp"
#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {
namespace {

// A starting worker is asked this soon and then at growing distances.
constexpr Duration kFirstProbe = 20ms;
// What it waits for is to be known soon.
constexpr Duration kFirstDrainProbe = 100ms;
// Of its log, in events.
constexpr std::size_t kMaxLastWords = 300;

bool is_established(const Member& member) {
  return member.was_ready && member.place == Place::Vacant &&
         (member.state == WorkerState::Ready || member.state == WorkerState::Unhealthy);
}

}  // namespace

Member* PoolState::find(WorkerId id) {
  for (Member& member : members_) {
    if (member.id == id) {
      return &member;
    }
  }
  return nullptr;
}

Member* PoolState::regular_of(SlotIndex slot) {
  for (Member& member : members_) {
    if (member.id.slot == slot && is_active(member.state) && member.place == Place::Vacant) {
      return &member;
    }
  }
  return nullptr;
}

Member* PoolState::replacement_of(SlotIndex slot) {
  for (Member& member : members_) {
    if (member.id.slot == slot && is_active(member.state) && member.place == Place::Beside) {
      return &member;
    }
  }
  return nullptr;
}

bool PoolState::outdated(const Member& member) const {
  return is_active(member.state) && member.id.slot.value < size_ &&
         (member.restart_wished || rollout_.is_outdated(member.config));
}

std::uint32_t PoolState::ready_count() const {
  std::uint32_t count = 0;
  for (const Member& member : members_) {
    count += member.state == WorkerState::Ready ? 1U : 0U;
  }
  return count;
}

std::uint32_t PoolState::stale_count() const {
  std::uint32_t count = 0;
  for (const Member& member : members_) {
    const bool on_trial = member.errand == Errand::Rollout && member.place == Place::Vacant;
    count += outdated(member) || (on_trial && is_active(member.state)) ? 1U : 0U;
  }
  for (const Slot& slot : slots_) {
    count += slot.errand == Errand::Rollout ? 1U : 0U;
  }
  return count;
}

std::uint32_t PoolState::count_leaving(SlotIndex slot) const {
  std::uint32_t count = 0;
  for (const Member& member : members_) {
    count += member.id.slot == slot && !is_active(member.state) ? 1U : 0U;
  }
  return count;
}

// Slots the account has no tunnel for are nobody's to serve. When the quota refuses the surge, one
// worker goes before the next comes, and the floor is one lower.
std::uint32_t PoolState::serving_floor() const {
  std::uint32_t servable = size_;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    // What the record says of a slot may be older than the worker that was taken back for it.
    const bool is_filled = std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
      return member.id.slot.value == i && is_active(member.state);
    });
    const SlotHistory& history = slots_[i].history;
    const bool refused =
        history.state == VacancyState::Backoff && history.last_cause == ExitCause::Quota;
    servable -= refused && !is_filled ? 1U : 0U;
  }
  const bool refused =
      quota_.limit() && !quota_.may_add(static_cast<std::uint32_t>(members_.size()), now_);
  const std::uint32_t missing = std::max(policy_.max_unavailable, refused ? 1U : 0U);
  return servable - std::min(servable, missing);
}

PoolHealth PoolState::health() const {
  PoolHealth health;
  health.rest_stale = rest_stale_;
  for (const Member& member : members_) {
    if (is_established(member)) {
      ++health.established;
      const bool unhealthy = member.state == WorkerState::Unhealthy;
      health.unhealthy += unhealthy ? 1U : 0U;
      const bool silent = member.health.silent_probes() > 0;
      health.doubtful += unhealthy || silent ? 1U : 0U;
      health.silent += silent ? 1U : 0U;
    }
  }
  for (const Slot& slot : slots_) {
    health.recovering += slot.silenced ? 1U : 0U;
  }
  return health;
}

// Silence of one worker counts against it only when another was heard meanwhile; else those are
// asked first.
bool PoolState::others_answer(const Member& silent) {
  bool alone = true;
  for (Member& other : members_) {
    if (other.id == silent.id || !is_established(other)) {
      continue;
    }
    if (other.answered_at >= silent.silent_since) {
      return true;
    }
    alone = false;
    other.probe_at = std::min(other.probe_at, now_);
  }
  return alone;
}

bool PoolState::due(Instant when) {
  if (now_ >= when) {
    return true;
  }
  wake_ = std::min(wake_, when);
  return false;
}

void PoolState::announce(Reason reason) {
  actions_.emplace_back(Announce{std::nullopt, std::nullopt, std::nullopt, std::move(reason)});
}

void PoolState::command(const Member& member, WorkerCommand command, const Reason& reason) {
  switch (command) {
    case WorkerCommand::None:
      break;
    case WorkerCommand::Drain:
      actions_.emplace_back(DrainWorker{member.id, reason});
      break;
    case WorkerCommand::Stop:
      actions_.emplace_back(SignalWorker{member.id, WorkerSignal::Stop, reason});
      break;
    case WorkerCommand::DrainAndStop:
      actions_.emplace_back(DrainWorker{member.id, reason});
      actions_.emplace_back(SignalWorker{member.id, WorkerSignal::Stop, reason});
      break;
    case WorkerCommand::Kill:
      actions_.emplace_back(SignalWorker{member.id, WorkerSignal::Kill, reason});
      break;
  }
}

void PoolState::apply(Member& member, WorkerInput input, Reason reason) {
  const LifecycleStep step = advance(member.state, input);
  command(member, step.command, reason);
  const bool rearm = step.command != WorkerCommand::None;
  if (step.next == member.state && !rearm) {
    return;
  }
  changed_ = true;
  dirty_ = true;
  const bool moved = step.next != member.state;
  member.state = step.next;
  switch (step.next) {
    case WorkerState::Starting:
    case WorkerState::Ready:
    case WorkerState::Unhealthy:
    case WorkerState::Exited:
      member.deadline = kNever;
      break;
    case WorkerState::Draining:
      member.deadline = now_ + policy_.drain_timeout;
      member.probe_at = std::min(member.probe_at, now_ + kFirstDrainProbe);
      break;
    case WorkerState::Stopping:
      member.deadline = now_ + policy_.stop_grace;
      break;
  }
  if (moved) {
    if (step.next == WorkerState::Ready && member.id.slot.value < slots_.size()) {
      slots_[member.id.slot.value].silenced = false;
    }
    member.since = now_;
    member.ready_since = step.next == WorkerState::Ready ? now_ : kNever;
    member.unready_since = step.next == WorkerState::Unhealthy ? now_ : kNever;
    member.reason = std::move(reason);
    actions_.emplace_back(Announce{member.id, member.state, member.doom, member.reason});
  }
}

void PoolState::start(
    SlotIndex slot, Place place, Errand errand, ConfigHash config, Reason reason) {
  Member member;
  member.id = {slot, Generation{next_generation_++}};
  member.place = place;
  member.errand = errand;
  member.config = config;
  member.started_at = now_;
  member.since = now_;
  member.deadline = now_ + policy_.start_timeout;
  member.probe_at = now_ + kFirstProbe;
  member.reason = reason;
  actions_.emplace_back(StartWorker{member.id, config, std::move(reason)});
  members_.push_back(std::move(member));
  changed_ = true;
  dirty_ = true;
}

void PoolState::dismiss(Member& member, WorkerInput input, Reason reason, ExitCause cause) {
  const bool was_active = is_active(member.state);
  const std::optional<Duration> ready_for =
      member.ready_since == kNever ? std::nullopt : std::optional(now_ - member.ready_since);
  member.doom = cause;
  apply(member, input, std::move(reason));
  if (was_active && !is_active(member.state)) {
    hand_over(member, cause, ready_for);
  }
}

// The place of a worker that no longer counts: its replacement takes it, or it becomes vacant.
void PoolState::hand_over(Member& member, ExitCause cause, std::optional<Duration> ready_for) {
  if (rollout_.has_canary() && member.config == rollout_.wanted()) {
    member.errand = Errand::Rollout;  // wherever it runs, it is the proof
  }
  if (member.errand != Errand::None && cause != ExitCause::Asked) {
    errand_failed(member, cause);
  }
  member.errand = Errand::None;
  if (std::exchange(member.place, Place::Vacant) == Place::Beside) {
    return;
  }
  if (member.id.slot.value >= slots_.size() || stopping()) {
    return;
  }
  slots_[member.id.slot.value].silenced |= cause == ExitCause::Hang;
  if (Member* heir = replacement_of(member.id.slot); heir != nullptr) {
    heir->place = Place::Vacant;
    return;
  }
  SlotHistory& history = slots_[member.id.slot.value].history;
  history = after_end(history, {cause, ready_for}, policy_, now_, random_);
  if (cause != ExitCause::Asked) {
    alike_.worker_failed(member.id.slot, history, policy_, now_);
  }
}

void PoolState::errand_failed(Member& member, ExitCause cause) {
  const std::string detail = "worker " + to_text(member.id) + ": " + std::string(to_text(cause));
  if (cause == ExitCause::Quota) {
    return;  // not the new worker's fault; the next one goes one-out-one-in
  }
  switch (member.errand) {
    case Errand::None:
      break;
    case Errand::Rollout:
      // One that an earlier wish began tells nothing of what is wished now.
      if (rollout_.state() != RolloutState::Running || member.restart_wished ||
          rollout_.is_outdated(member.config)) {
        break;
      }
      rollout_.pause({ReasonKind::RolloutFailed, detail});
      announce({ReasonKind::RolloutFailed, "paused, the old workers go on serving: " + detail});
      break;
    case Errand::Trial:
      next_trial_ = now_ + policy_.suspicion_limit;
      break;
    case Errand::Recycle:
      if (member.id.slot.value < slots_.size()) {
        Slot& slot = slots_[member.id.slot.value];
        const Duration wait = backoff_limit(policy_.quota_backoff, slot.recycle_failures++);
        slot.recycle_not_before = now_ + wait / 2 + random_.up_to(wait / 2);
      }
      break;
  }
}

void PoolState::ended(Member& member,
                      ExitCause cause,
                      const WorkerExit& exit,
                      const Evidence& evidence) {
  const bool was_active = is_active(member.state);
  const std::optional<Duration> ready_for =
      member.ready_since == kNever ? std::nullopt : std::optional(now_ - member.ready_since);
  // A clean end deletes its tunnel itself; should it have failed to, the next list shows it.
  if (exit.how != WorkerExit::How::Exited || exit.code != 0) {
    orphans_.condemn(member.last.tunnel, ReasonKind::WorkerEnded, now_);
  }
  orphans_.worker_ended(member.id, now_);
  member.doom = cause;
  // What it said last tells more than its status; with a drain everything is as it should be.
  const bool tells = cause != ExitCause::Asked && !evidence.last_lines.empty();
  const std::string words =
      tells ? ": " + evidence.last_lines.back().substr(0, kMaxLastWords) : std::string{};
  apply(member, WorkerInput::Exited, {ReasonKind::WorkerEnded, exit_text(exit) + words});
  if (was_active) {
    if (cause == ExitCause::Quota) {
      quota_.refused(static_cast<std::uint32_t>(members_.size() - 1), policy_, now_, random_);
    }
    hand_over(member, cause, ready_for);
    if (member.id.slot.value < slots_.size() && cause != ExitCause::Asked) {
      slots_[member.id.slot.value].history.last_lines = evidence.last_lines;
    }
  }
  const WorkerId id = member.id;
  std::erase_if(members_, [&](const Member& each) { return each.id == id; });
  changed_ = true;
  dirty_ = true;
}

// Its turn by age: max_age at most, and no two of the pool within half a share of each other, so
// that the pool is never restarted at once.
void PoolState::set_retirement(Member& member) {
  if (policy_.max_age <= Duration::zero() || member.retire_at != kNever) {
    return;
  }
  const Duration gap = policy_.max_age / (2 * std::max<std::uint32_t>(1, size_));
  const Instant latest = member.started_at + policy_.max_age;
  Instant best = latest;
  Duration best_distance = Duration::min();
  constexpr int kCandidates = 64;
  for (int i = 0; i < kCandidates; ++i) {
    const Instant candidate = latest - i * (policy_.max_age / (2 * kCandidates));
    Duration distance = Duration::max();
    for (const Member& other : members_) {
      if (other.id != member.id && other.retire_at != kNever && is_active(other.state)) {
        distance = std::min(distance, std::chrono::abs(other.retire_at - candidate));
      }
    }
    if (distance >= gap) {
      best = candidate;
      break;
    }
    if (distance > best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  member.retire_at = best;
}

}  // namespace scpool::supervisor
