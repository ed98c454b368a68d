#include "supervisor/core/pool_controller.hpp"

#include <algorithm>
#include <utility>

#include "supervisor/core/pool_state.hpp"

namespace scpool::supervisor {

PoolController::PoolController(Setup setup)
    : state_(std::make_unique<PoolState>(std::move(setup))) {}
PoolController::~PoolController() = default;

PoolActions PoolController::handle(const PoolEvent& event, Instant now) {
  return state_->handle(event, now);
}
Instant PoolController::next_deadline() const {
  return state_->wake();
}
PoolSnapshot PoolController::snapshot(Instant now) const {
  return state_->snapshot(now);
}
PoolRecord PoolController::record() const {
  return state_->record();
}
std::string PoolController::explain(SlotIndex slot, Instant now) const {
  return state_->explain(slot, now);
}
bool PoolController::finished() const {
  return state_->finished();
}

namespace {

// Later than this after the deadline we asked for, the supervisor itself stood still.
constexpr Duration kStandstill = 10s;
// The first start waits this long for the list of tunnels, so that a collision is seen before.
constexpr Duration kFirstListWait = 3s;

}  // namespace

PoolState::PoolState(PoolController::Setup setup)
    : policy_(setup.policy),
      random_(setup.seed),
      size_(setup.record.size > 0 ? setup.record.size : setup.policy.size),
      next_generation_(std::max<std::uint64_t>(1, setup.record.next_generation)),
      unclaimed_(std::move(setup.record.workers)),
      rollout_(setup.config, unclaimed_.empty() ? ConfigHash{} : setup.record.proven_config) {
  slots_.resize(size_);
  for (const SlotRecord& slot : setup.record.slots) {
    if (slot.slot.value < slots_.size()) {
      SlotHistory& history = slots_[slot.slot.value].history;
      history.state = slot.state;
      history.failures = slot.failures;
      history.last_cause = slot.last_cause;
      history.next_start = slot.next_start;
    }
  }
  for (const TunnelId& tunnel : setup.record.condemned) {
    orphans_.condemn(tunnel, ReasonKind::OrphanFound, Instant{});
  }
  rollout_.restore(setup.record.rollout, Instant{});
  if (setup.record.shutting_down) {
    stop_ = StopUrgency::Drain;
  }
}

PoolActions PoolState::handle(const PoolEvent& event, Instant now) {
  now_ = std::max(now, now_);
  if (started_) {
    rollout_.account(ready_count(), size_, now_);
    if (wake_ != kNever && now_ - wake_ > kStandstill) {
      excuse_standstill();
    }
  }
  std::visit([this](const auto& happened) { on(happened); }, event);
  if (started_ && !finished_) {
    reconcile();
  }
  if (dirty_) {
    dirty_ = false;
    // Before everything it must outlive.
    actions_.insert(actions_.begin(), WriteState{});
  }
  return std::exchange(actions_, {});
}

// Time in which nobody looked proves nothing about the workers.
void PoolState::excuse_standstill() {
  const Duration missed = now_ - wake_;
  for (Member& member : members_) {
    member.health.forget_silence();
    member.probe_sent = kNever;
    if (member.state == WorkerState::Starting) {
      member.deadline += missed;
    }
    if (member.unready_since != kNever) {
      member.unready_since = now_;
    }
  }
}

void PoolState::on(const WorkerSpawned& event) {
  if (Member* member = find(event.worker); member != nullptr) {
    apply(*member, WorkerInput::Spawned, {});
    dirty_ = true;  // the shell adds the process's identity
  }
}

void PoolState::on(const SpawnFailed& event) {
  if (Member* member = find(event.worker); member != nullptr) {
    Evidence evidence;
    evidence.last_lines.push_back(event.why);
    ended(*member, event.cause, WorkerExit{}, evidence);
  }
}

void PoolState::on(const WorkerExited& event) {
  if (Member* member = find(event.worker); member != nullptr) {
    ended(*member, member->doom.value_or(event.cause), event.exit, event.evidence);
  }
}

void PoolState::on(const ProbeAnswered& event) {
  Member* member = find(event.worker);
  if (member == nullptr) {
    return;
  }
  member->probe_sent = kNever;
  member->answered_at = now_;
  dirty_ = dirty_ || member->last.tunnel != event.tunnel;
  member->last = event;
  member->health.answered(event.ready ? Readiness::Ready : Readiness::NotReady);
  if (std::exchange(member->drain_unsure, false) && event.ready) {
    command(*member, WorkerCommand::Drain, {ReasonKind::Adopted, "the drain signal was lost"});
  }
}

void PoolState::unanswered(Member& member) {
  if (member.health.silent_probes() == 0) {
    member.silent_since = member.probe_sent == kNever ? now_ : member.probe_sent;
  }
  member.probe_sent = kNever;
  member.health.went_unanswered();
}

void PoolState::on(const ProbeFailed& event) {
  Member* member = find(event.worker);
  if (member == nullptr) {
    return;
  }
  unanswered(*member);
  // Asked again soon: a hung worker is to be known quickly, a lost answer to be harmless.
  member->probe_at =
      std::min(member->probe_at, now_ + std::min<Duration>(1s, policy_.probe_period));
}

void PoolState::on(const RestListed& event) {
  if (rest_stale_) {
    announce({ReasonKind::RestAnswers, {}});
    excuse_unready();
  }
  rest_stale_ = false;
  listed_at_ = now_;
  const Instant asked_at = std::min(std::exchange(list_sent_, kNever), now_);
  starts_from_ = now_;
  std::vector<WorkerId> living;
  for (Member& member : members_) {
    living.push_back(member.id);
    if (member.last.tunnel.empty()) {
      continue;
    }
    const auto found =
        std::find_if(event.tunnels.begin(), event.tunnels.end(), [&](const ListedTunnel& tunnel) {
          return tunnel.id == member.last.tunnel && !tunnel.ended;
        });
    if (found == event.tunnels.end()) {
      member.health.not_listed();
    } else {
      member.health.listed(found->is_ready ? Readiness::Ready : Readiness::NotReady);
    }
  }
  orphans_.listed(event.tunnels, living, Generation{next_generation_}, asked_at, now_);
  for (const TunnelId& tunnel : orphans_.take_foreign()) {
    announce({ReasonKind::ForeignTunnel,
              "tunnel " + tunnel.value +
                  " has this pool's tunnel name and is not in pool mode; stop it or choose another "
                  "name, else the server may end either"});
  }
}

void PoolState::rest_failed(const std::string& why) {
  if (!rest_stale_) {
    announce({ReasonKind::RestUnreachable, why});
  }
  rest_stale_ = true;
  list_sent_ = kNever;
  starts_from_ = now_;
  for (Member& member : members_) {
    member.health.server_unknown();
  }
}

void PoolState::on(const RestFailed& event) {
  rest_failed(event.why);
}

void PoolState::on(const TunnelDeleted& event) {
  orphans_.deleted(event.tunnel);
  dirty_ = true;
}

void PoolState::on(const TunnelDeleteFailed& event) {
  orphans_.delete_failed(event.tunnel, policy_, now_, random_);
}

void PoolState::on(const DrainFinished& event) {
  if (Member* member = find(event.worker);
      member != nullptr && member->state == WorkerState::Draining) {
    member->deadline = std::min(member->deadline, now_ + policy_.stop_grace);
  }
}

void PoolState::on(const TimerFired& /*event*/) {}

void PoolState::on(const WorkerAdopted& event) {
  const auto known =
      std::find_if(unclaimed_.begin(), unclaimed_.end(), [&](const WorkerRecord& record) {
        return record.worker == event.worker;
      });
  Member member;
  member.id = event.worker;
  member.started_at = event.started_at;
  member.config = event.config;
  member.since = now_;
  member.probe_at = now_;
  member.reason = {ReasonKind::Adopted, {}};
  member.deadline = now_ + policy_.start_timeout;
  if (known != unclaimed_.end()) {
    member.state = known->state;
    member.place = known->replacement ? Place::Beside : Place::Vacant;
    member.since = known->since;
    member.deadline = known->deadline;
    member.retire_at = known->retire_at;
    member.restart_wished = known->restart_wished;
    member.last.tunnel = known->tunnel;
    unclaimed_.erase(known);
  } else if (regular_of(event.worker.slot) != nullptr) {
    member.place = Place::Beside;  // started just before the supervisor died
  }
  if (member.place == Place::Beside) {
    member.errand = rollout_.state() == RolloutState::Running ? Errand::Rollout : Errand::Recycle;
  }
  if (member.state == WorkerState::Ready || member.state == WorkerState::Unhealthy) {
    member.was_ready = true;
  }
  if (member.state == WorkerState::Ready) {
    member.health.trust();
    member.ready_since = member.since;
  } else if (member.state == WorkerState::Unhealthy) {
    member.unready_since = now_;
  } else if (!is_active(member.state)) {
    member.doom = ExitCause::Asked;
    member.drain_unsure = member.state == WorkerState::Draining;
    if (member.state == WorkerState::Stopping) {
      // Recorded before it was sent, which may not have come to pass.
      command(member, WorkerCommand::Stop, {ReasonKind::Adopted, "the stop signal may be lost"});
    }
  }
  next_generation_ = std::max(next_generation_, event.worker.generation.value + 1);
  // Not written: the record holds it already, and PoolStarted follows.
  members_.push_back(std::move(member));
}

void PoolState::on(const PoolStarted& /*event*/) {
  started_ = true;
  dirty_ = true;
  for (Slot& slot : slots_) {
    slot.history.since = now_;  // how long it was vacant before is not recorded
  }
  // Recorded and not taken back: it ended while nobody watched.
  for (const WorkerRecord& gone : std::exchange(unclaimed_, {})) {
    Member member;
    member.id = gone.worker;
    member.state = gone.state;
    member.place = gone.replacement ? Place::Beside : Place::Vacant;
    member.config = gone.config;
    member.last.tunnel = gone.tunnel;
    member.was_ready = gone.state == WorkerState::Ready;
    member.ready_since = member.was_ready ? gone.since : kNever;
    next_generation_ = std::max(next_generation_, gone.worker.generation.value + 1);
    members_.push_back(member);
    ended(members_.back(), ExitCause::Unknown, WorkerExit{}, Evidence{});
  }
  for (Slot& slot : slots_) {
    slot.history.earlier = slot.history.failures;
  }
  for (Member& member : members_) {
    if (member.place == Place::Beside && regular_of(member.id.slot) == nullptr) {
      member.place = Place::Vacant;
    }
  }
  const bool asks_rest = policy_.rest_period > Duration::zero();
  list_at_ = asks_rest ? now_ : kNever;
  starts_from_ =
      asks_rest && members_.empty() ? now_ + std::min(kFirstListWait, policy_.rest_timeout) : now_;
  if (stale_count() > 0 && rollout_.state() == RolloutState::Idle) {
    begin_rollout({ReasonKind::ConfigChanged, {}});
  }
}

}  // namespace scpool::supervisor
