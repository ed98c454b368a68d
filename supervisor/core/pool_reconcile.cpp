// After each event: what has to be done now, in a fixed order, until nothing changes.
#include <algorithm>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/pool_state.hpp"

namespace scpool::supervisor {
namespace {

// Leaving workers of one slot: more than this, and the longest waiting one is asked to hurry.
constexpr std::uint32_t kMaxLeavingPerSlot = 3;

}  // namespace

void PoolState::reconcile() {
  // Each change moves a worker forward or starts one; both are bounded.
  const std::size_t bound = 16 + 8 * (members_.size() + slots_.size());
  std::size_t passes = 0;
  do {
    changed_ = false;
    wake_ = kNever;
    pass();
    ++passes;
    SCPOOL_CHECK(passes <= bound);
  } while (changed_ && !finished_);
  if (finished_) {
    wake_ = kNever;
  }
}

void PoolState::pass() {
  expire_deadlines();
  judge_health();
  if (stopping()) {
    stop_everyone();
  } else {
    retire_surplus();
    finish_replacements();
    fill_vacancies();
    begin_replacements();
    close_rollout();
  }
  probe();
  list_tunnels();
  delete_orphans();
}

void PoolState::expire_deadlines() {
  for (Member& member : members_) {
    if (!due(member.deadline)) {
      continue;
    }
    switch (member.state) {
      case WorkerState::Starting:
        dismiss(
            member,
            WorkerInput::DeadlinePassed,
            {ReasonKind::StartTimeout, "not ready after " + duration_text(policy_.start_timeout)},
            ExitCause::NeverReady);
        break;
      case WorkerState::Draining:
        apply(member,
              WorkerInput::DeadlinePassed,
              {ReasonKind::DrainTimeout,
               std::to_string(member.last.jobs) + " jobs left after " +
                   duration_text(policy_.drain_timeout)});
        break;
      case WorkerState::Stopping:
        apply(member,
              WorkerInput::DeadlinePassed,
              {ReasonKind::StopTimeout, "alive after " + duration_text(policy_.stop_grace)});
        break;
      case WorkerState::Ready:
      case WorkerState::Unhealthy:
      case WorkerState::Exited:
        member.deadline = kNever;
        break;
    }
  }
}

// Ready at its own API counts once the server agrees, or when the server cannot be asked.
bool PoolState::server_agrees(const Member& member) const {
  if (policy_.rest_period <= Duration::zero() || rest_stale_) {
    return true;
  }
  return member.health.server_ready().value_or(false);
}

void PoolState::judge_health() {
  PoolHealth pool = health();
  if (!pool.network_suspected()) {
    if (std::exchange(suspected_since_, kNever) != kNever) {
      excuse_unready();
      pool = health();
    }
  } else if (suspected_since_ == kNever) {
    suspected_since_ = now_;
    next_trial_ = now_ + policy_.suspicion_limit;
    announce({ReasonKind::AlikeFailures,
              (pool.established == 1
                   ? "the only worker is unhealthy and the REST API is silent"
                   : "all " + std::to_string(pool.established) + " workers are unhealthy at once") +
                  ": the network or the server is suspected, none is ended for it"});
  }
  for (Member& member : members_) {
    judge(member, pool);
  }
}

// The network is back, as the server's answer or one ready worker shows: the others get their whole
// time to follow. What was silent with all the others is asked anew before it is judged alone.
void PoolState::excuse_unready() {
  next_trial_ = now_ + policy_.suspicion_limit;
  for (Member& member : members_) {
    if (member.state != WorkerState::Unhealthy) {
      continue;
    }
    member.unready_since = now_;
    if (member.health.verdict(policy_) == HealthVerdict::Silent) {
      member.health.ask_anew();
      member.probe_at = std::min(member.probe_at, now_);
    }
  }
}

void PoolState::judge(Member& member, PoolHealth& pool) {
  const HealthVerdict verdict = member.health.verdict(policy_);
  switch (member.state) {
    case WorkerState::Starting:
      if (verdict == HealthVerdict::Ready && server_agrees(member)) {
        apply(member, WorkerInput::BecameReady, {ReasonKind::BecameReady, {}});
        member.was_ready = true;
        set_retirement(member);
        alike_.worker_became_ready();
        quota_.accepted(static_cast<std::uint32_t>(members_.size()));
      }
      break;
    case WorkerState::Ready:
      if (verdict != HealthVerdict::Ready) {
        const ReasonKind kind = verdict == HealthVerdict::Silent ? ReasonKind::ApiSilent
                                : member.health.local_ready()    ? ReasonKind::NotReadyAtServer
                                                                 : ReasonKind::NotReady;
        apply(member, WorkerInput::BecameUnready, {kind, member.last.detail});
      }
      break;
    case WorkerState::Unhealthy:
      if (verdict == HealthVerdict::Ready) {
        apply(member, WorkerInput::BecameReady, {ReasonKind::BecameReady, "again"});
      } else if (verdict == HealthVerdict::Silent && pool.may_kill_silent(size_) &&
                 others_answer(member)) {
        dismiss(member,
                WorkerInput::KillWanted,
                {ReasonKind::ApiSilent,
                 std::to_string(member.health.silent_probes()) + " probes unanswered"},
                ExitCause::Hang);
        member.health.forget_silence();
        ++pool.recovering;
      }
      break;
    case WorkerState::Draining:
      if (member.health.silent_probes() >= 2 * policy_.silent_probes) {
        apply(member, WorkerInput::StopWanted, {ReasonKind::ApiSilent, "while draining"});
      }
      break;
    case WorkerState::Stopping:
    case WorkerState::Exited:
      break;
  }
}

void PoolState::retire_surplus() {
  for (Member& member : members_) {
    if (!is_active(member.state)) {
      continue;
    }
    if (member.id.slot.value >= size_) {
      dismiss(member, WorkerInput::DrainWanted, {ReasonKind::ScaledDown, {}}, ExitCause::Asked);
    } else if (member.place == Place::Vacant && regular_of(member.id.slot) != &member) {
      dismiss(member, WorkerInput::DrainWanted, {ReasonKind::Surplus, {}}, ExitCause::Asked);
    }
  }
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (count_leaving({i}) <= kMaxLeavingPerSlot) {
      continue;
    }
    const auto oldest = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
      return member.id.slot.value == i && member.state == WorkerState::Draining;
    });
    if (oldest != members_.end()) {
      apply(*oldest, WorkerInput::StopWanted, {ReasonKind::Surplus, "too many are draining"});
    }
  }
}

void PoolState::finish_replacements() {
  for (Member& member : members_) {
    if (member.state != WorkerState::Ready) {
      continue;
    }
    const bool wanted_config = member.config == rollout_.wanted();
    const bool is_canary = rollout_.has_canary() && wanted_config;
    if (member.errand == Errand::None && member.place == Place::Vacant && !is_canary) {
      if (due(member.ready_since + policy_.stable_after) && member.id.slot.value < size_) {
        slots_[member.id.slot.value].history.forget_failures();
      }
      continue;
    }
    const Duration proof =
        is_canary ? std::max(policy_.canary_time, policy_.min_ready_time) : policy_.min_ready_time;
    if (due(member.ready_since + proof)) {
      if (is_canary) {
        rollout_.prove_wanted();
      }
      complete(member);
    }
  }
}

// The new worker has proved itself: it takes the slot, the old one drains.
void PoolState::complete(Member& member) {
  changed_ = true;
  dirty_ = true;
  member.errand = Errand::None;
  if (member.id.slot.value < size_) {
    slots_[member.id.slot.value].recycle_failures = 0;
  }
  if (member.place == Place::Vacant) {
    return;
  }
  Member* old = regular_of(member.id.slot);
  member.place = Place::Vacant;
  if (old != nullptr) {
    const bool silent = old->health.verdict(policy_) == HealthVerdict::Silent;
    dismiss(*old,
            silent ? WorkerInput::KillWanted : WorkerInput::DrainWanted,
            {ReasonKind::ReplacementReady, "by " + to_text(member.id)},
            ExitCause::Asked);
  }
}

void PoolState::fill_vacancies() {
  for (std::uint32_t tried = 0; tried < size_; ++tried) {
    // The slot that has waited longest goes first: with a pool-wide cause only one may.
    std::optional<std::uint32_t> next;
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (regular_of({i}) == nullptr && due(slots_[i].history.next_start) &&
          (!next || slots_[i].history.next_start < slots_[*next].history.next_start)) {
        next = i;
      }
    }
    if (!next || !may_start({*next})) {
      return;
    }
    Slot& slot = slots_[*next];
    const VacancyState was = slot.history.state;
    const ReasonKind kind = was == VacancyState::Backoff  ? ReasonKind::BackoffOver
                            : was == VacancyState::Failed ? ReasonKind::SlowRetry
                                                          : ReasonKind::SlotVacant;
    slot.history.state = VacancyState::Empty;
    const Errand errand = std::exchange(slot.errand, Errand::None);
    const ConfigHash config =
        errand == Errand::Rollout ? rollout_.step_config() : config_for({*next});
    start({*next}, Place::Vacant, errand, config, {kind, {}});
  }
}

bool PoolState::may_start(SlotIndex slot) {
  if (!due(starts_from_)) {
    return false;
  }
  if (alike_.cause()) {
    const bool tried = std::any_of(members_.begin(), members_.end(), [](const Member& member) {
      return member.state == WorkerState::Starting;
    });
    if (tried || !due(alike_.next_trial())) {
      return false;
    }
  }
  if (!quota_.may_add(static_cast<std::uint32_t>(members_.size()), now_)) {
    return due(quota_.retry_at());
  }
  return count_leaving(slot) <= kMaxLeavingPerSlot;
}

// A slot that is vacant anyway is where an unproven configuration risks least.
ConfigHash PoolState::config_for(SlotIndex slot) {
  if (!rollout_.has_canary()) {
    return rollout_.step_config();
  }
  const bool canary_runs = std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return is_active(member.state) && member.config == rollout_.wanted();
  });
  // With nothing to lose the two take turns: one of them may be what mends it.
  const bool nothing_serves = ready_count() == 0 && slots_[slot.value].history.failures % 2 == 1;
  if (!canary_runs && (rollout_.state() == RolloutState::Running || nothing_serves)) {
    return rollout_.wanted();
  }
  return rollout_.proven();
}

}  // namespace scpool::supervisor
