#include "worker/core/connection_planner.hpp"

#include <algorithm>

namespace scpool::worker {

ConnectionPlanner::ConnectionPlanner(const ConnectionPlannerRule& rule, Random random)
    : rule_(rule), random_(random), places_(rule.connections) {}

ConnectionActions ConnectionPlanner::start(Instant now) {
  stopped_ = false;
  denied_in_a_row_ = 0;
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    Place& place = places_[index];
    const std::uint64_t reconnects = place.reconnects;
    place = Place{};
    place.reconnects = reconnects;
    place.address = index;
  }
  if (!places_.empty()) {
    places_.front().dial = Place::Dial::Waiting;
    places_.front().due = now;
  }
  return wake(now);
}

void ConnectionPlanner::stop() {
  stopped_ = true;
  for (Place& place : places_) {
    // What runs on a cut connection may still end.
    if (!place.standing || !place.standing->suspended) {
      place.dial = Place::Dial::None;
    }
  }
}

ConnectionActions ConnectionPlanner::connected(std::uint32_t connection,
                                               std::uint64_t epoch,
                                               Instant now,
                                               bool resumable) {
  ConnectionActions actions;
  if (connection >= places_.size()) {
    return actions;
  }
  Place& place = places_[connection];
  if (place.dial != Place::Dial::Dialling || place.dial_epoch != epoch) {
    return actions;
  }
  drain_standing(connection, actions, now);
  if (place.reason != DialReason::Start) {
    ++place.reconnects;
  }
  place.dial = Place::Dial::None;
  place.standing = Standing{.epoch = epoch, .since = now, .canary = now, .resumable = resumable};
  place.last_error.clear();
  place.failures_here = 0;
  denied_in_a_row_ = 0;
  // The first one stands: the others follow, spaced; also those that an outage made patient.
  Instant due = now;
  for (Place& other : places_) {
    const bool first = other.dial == Place::Dial::None && other.dial_epoch == 0;
    if (!other.standing && (first || other.dial == Place::Dial::Waiting)) {
      due += rule_.start_spacing;
      other.due = first ? due : std::max(other.not_before, std::min(other.due, due));
      other.dial = Place::Dial::Waiting;
    }
  }
  return actions;
}

ConnectionActions ConnectionPlanner::dial_failed(std::uint32_t connection,
                                                 std::uint64_t epoch,
                                                 const DialFailure& failure,
                                                 Instant now) {
  if (connection >= places_.size()) {
    return {};
  }
  Place& place = places_[connection];
  if (place.dial != Place::Dial::Dialling || place.dial_epoch != epoch) {
    return {};
  }
  place.dial = Place::Dial::None;
  place.last_error = failure.sentence;
  if (++place.failures_here >= rule_.failures_per_address) {
    place.failures_here = 0;
    ++place.address;
  }
  if (std::optional<GiveUp> end = reason_to_give_up(failure)) {
    stop();
    return {*std::move(end)};
  }
  const Duration asked =
      std::min(failure.retry_after.value_or(Duration::zero()), rule_.longest_retry_after);
  if (place.standing && place.resumes) {
    constexpr int kConflict = 409;
    if (failure.status == kConflict) {
      const std::uint64_t session = place.standing->epoch;
      place.standing.reset();
      place.failures = 0;
      plan_dial(place, DialReason::Lost, Duration::zero(), now);
      return {EndSession{connection, session}};
    }
    plan_resume(place, asked, now);
    return {};
  }
  const DialReason reason = place.reason == DialReason::Start ? place.reason : DialReason::Retry;
  plan_dial(place, reason, asked, now);
  ConnectionActions actions;
  if (place.standing && place.standing->drain_by != kNever) {
    drain_standing(connection, actions, now);  // there is nowhere to go just now
  }
  return actions;
}

std::optional<GiveUp> ConnectionPlanner::reason_to_give_up(const DialFailure& failure) {
  const bool denied = failure.status == 401 || failure.status == 403;
  denied_in_a_row_ = denied ? denied_in_a_row_ + 1 : 0;
  if (denied && denied_in_a_row_ >= rule_.denied_tries) {
    return GiveUp{GiveUp::Why::Denied, failure.sentence};
  }
  if (failure.status == 410) {
    return GiveUp{GiveUp::Why::Deleted, failure.sentence};
  }
  if (failure.status == 426) {
    return GiveUp{GiveUp::Why::WrongVersion, failure.sentence};
  }
  // As long as another connection of the tunnel stands, one node's ignorance is no proof.
  if (failure.status == 404 && standing() == 0) {
    return GiveUp{GiveUp::Why::Unknown, failure.sentence};
  }
  return std::nullopt;
}

ConnectionActions ConnectionPlanner::closed(std::uint32_t connection,
                                            std::uint64_t epoch,
                                            Instant now) {
  if (Place* place = standing_place(connection, epoch)) {
    if (place->standing->suspended) {  // a dial under way would resume what is over
      place->dial = Place::Dial::None;
      place->failures = 0;
    }
    replace(*place, DialReason::Lost, now);
    place->standing.reset();
  }
  return wake(now);
}

bool ConnectionPlanner::suspended(std::uint32_t connection, std::uint64_t epoch, Instant now) {
  Place* place = standing_place(connection, epoch);
  if (place == nullptr) {
    return false;
  }
  place->standing->suspended = true;
  place->standing->suspect = false;
  place->standing->resume_failures = 0;
  if (place->dial != Place::Dial::Dialling) {
    plan_resume(*place, Duration::zero(), now);
  }
  return true;
}

void ConnectionPlanner::resumed(std::uint32_t connection, std::uint64_t epoch, Instant now) {
  if (connection >= places_.size()) {
    return;
  }
  Place& place = places_[connection];
  if (!place.standing || place.dial != Place::Dial::Dialling || place.dial_epoch != epoch) {
    return;
  }
  place.dial = Place::Dial::None;
  place.standing->epoch = epoch;
  place.standing->since = now;
  place.standing->suspect = false;
  place.standing->suspended = false;
  place.last_error.clear();
  ++place.reconnects;
  denied_in_a_row_ = 0;
}

void ConnectionPlanner::plan_resume(Place& place, Duration at_least, Instant now) {
  const std::uint32_t failures = place.standing->resume_failures++;
  const Duration longest =
      std::min(rule_.resume_first * (1U << std::min(failures, 8U)), rule_.resume_longest);
  place.dial = Place::Dial::Waiting;
  place.reason = place.standing->suspended ? DialReason::Cut : DialReason::Suspect;
  place.not_before = now + at_least;
  place.due = now + std::max(at_least, random_.up_to(longest));
}

ConnectionActions ConnectionPlanner::became_suspect(std::uint32_t connection,
                                                    std::uint64_t epoch,
                                                    Instant now) {
  if (Place* place = standing_place(connection, epoch)) {
    place->standing->suspect = true;
    if (place->dial == Place::Dial::None && place->standing->resumable) {
      forget_failures_if_stable(*place, now);
      place->standing->resume_failures = 0;
      plan_resume(*place, Duration::zero(), now);
    }
    replace(*place, DialReason::Suspect, now);
  }
  return wake(now);
}

void ConnectionPlanner::recovered(std::uint32_t connection, std::uint64_t epoch) {
  if (Place* place = standing_place(connection, epoch)) {
    place->standing->suspect = false;
    if (place->dial == Place::Dial::Waiting && place->reason == DialReason::Suspect) {
      place->dial = Place::Dial::None;
    }
  }
}

ConnectionActions ConnectionPlanner::server_drains(std::uint32_t connection,
                                                   std::uint64_t epoch,
                                                   Duration deadline,
                                                   Instant now) {
  if (Place* place = standing_place(connection, epoch)) {
    Standing& standing = *place->standing;
    standing.drained_by = std::min(standing.drained_by, now + deadline);
    standing.drain_by = std::min(standing.drain_by, now + deadline / 2);
    replace(*place, DialReason::ServerDrains, now);
  }
  return wake(now);
}

ConnectionActions ConnectionPlanner::network_changed(const std::vector<std::uint32_t>& gone,
                                                     Instant now) {
  ConnectionActions actions;
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    Place& place = places_[index];
    const bool stands = place.standing && !place.standing->suspended;
    const bool lost = stands && std::find(gone.begin(), gone.end(), index) != gone.end();
    if (lost) {
      const ConnectionActions more = became_suspect(index, place.standing->epoch, now);
      actions.insert(actions.end(), more.begin(), more.end());
    } else if (stands) {
      actions.push_back(ProbeConnection{index, place.standing->epoch});
    }
    if (place.dial == Place::Dial::Waiting && (lost || place.reason != DialReason::Start)) {
      place.due = std::max(place.not_before, std::min(place.due, now));
    }
  }
  const ConnectionActions due = wake(now);
  actions.insert(actions.end(), due.begin(), due.end());
  return actions;
}

void ConnectionPlanner::canary_answered(std::uint32_t connection,
                                        std::uint64_t epoch,
                                        Instant now) {
  if (Place* place = standing_place(connection, epoch)) {
    place->standing->canary = now;
  }
}

ConnectionActions ConnectionPlanner::wake(Instant now) {
  ConnectionActions actions;
  for (std::uint32_t index = 0; index < places_.size(); ++index) {
    Place& place = places_[index];
    if (place.standing && place.standing->drain_by <= now) {
      drain_standing(index, actions, now);
    }
    if (place.dial == Place::Dial::Waiting && place.due <= now) {
      place.dial = Place::Dial::Dialling;
      place.dial_epoch = ++last_epoch_;
      DialConnection& dial =
          std::get<DialConnection>(actions.emplace_back(DialConnection{.connection = index,
                                                                       .epoch = place.dial_epoch,
                                                                       .attempts = place.failures,
                                                                       .address = place.address,
                                                                       .reason = place.reason}));
      // One that its server wants to be rid of gets a successor, not another socket.
      place.resumes = place.standing && place.standing->resumable &&
                      (place.standing->suspended || place.standing->drain_by == kNever);
      if (place.resumes) {
        dial.resumes = place.standing->epoch;
        dial.attempts = place.standing->resume_failures;
      }
    }
  }
  return actions;
}

Instant ConnectionPlanner::next_deadline() const {
  Instant earliest = kNever;
  for (const Place& place : places_) {
    if (place.dial == Place::Dial::Waiting) {
      earliest = std::min(earliest, place.due);
    }
    if (place.standing) {
      earliest = std::min(earliest, place.standing->drain_by);
    }
  }
  return earliest;
}

std::uint32_t ConnectionPlanner::standing() const {
  return static_cast<std::uint32_t>(
      std::count_if(places_.begin(), places_.end(), [](const Place& place) {
        return place.standing && !place.standing->suspended;
      }));
}

bool ConnectionPlanner::serves(Instant now) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
    return place.standing && !place.standing->suspended &&
           now - place.standing->canary < rule_.canary_max_age;
  });
}

std::vector<ConnectionSnapshot> ConnectionPlanner::snapshot(Instant now) const {
  std::vector<ConnectionSnapshot> list;
  for (const Place& place : places_) {
    ConnectionSnapshot& entry = list.emplace_back();
    entry.reconnects = place.reconnects;
    entry.last_error = place.last_error;
    if (place.standing) {
      entry.state = place.standing->suspended            ? ConnectionState::Suspended
                    : place.standing->drain_by != kNever ? ConnectionState::Draining
                    : place.standing->suspect            ? ConnectionState::Suspect
                                                         : ConnectionState::Ready;
      if (place.dial == Place::Dial::Waiting) {
        entry.retry_in = std::max(place.due - now, Duration::zero());
      }
      entry.epoch = place.standing->epoch;
      entry.canary_age = now - place.standing->canary;
    } else if (place.dial == Place::Dial::Dialling) {
      entry.state = ConnectionState::Dialling;
    } else if (place.dial == Place::Dial::Waiting) {
      entry.state = ConnectionState::Waiting;
      entry.retry_in = std::max(place.due - now, Duration::zero());
    }
  }
  return list;
}

ConnectionPlanner::Place* ConnectionPlanner::standing_place(std::uint32_t connection,
                                                            std::uint64_t epoch) {
  if (connection >= places_.size()) {
    return nullptr;
  }
  Place& place = places_[connection];
  return place.standing && place.standing->epoch == epoch ? &place : nullptr;
}

void ConnectionPlanner::replace(Place& place, DialReason reason, Instant now) {
  forget_failures_if_stable(place, now);
  if (place.dial == Place::Dial::None) {
    plan_dial(place, reason, Duration::zero(), now);
  }
}

void ConnectionPlanner::drain_standing(std::uint32_t connection,
                                       ConnectionActions& actions,
                                       Instant now) {
  std::optional<Standing>& standing = places_[connection].standing;
  if (standing) {
    const Duration left = std::max(standing->drained_by - now, Duration::zero());
    actions.push_back(
        DrainReplaced{connection, standing->epoch, std::min(left, rule_.replaced_grace)});
    standing.reset();
  }
}

void ConnectionPlanner::forget_failures_if_stable(Place& place, Instant now) const {
  if (now - place.standing->since >= rule_.stable_after) {
    place.failures = 0;
  }
}

void ConnectionPlanner::plan_dial(Place& place, DialReason reason, Duration at_least, Instant now) {
  if (stopped_) {
    return;
  }
  place.dial = Place::Dial::Waiting;
  place.reason = reason;
  place.not_before = now + at_least;
  place.due = now + std::max(at_least, backoff_delay(rule_.backoff, place.failures, random_));
  ++place.failures;
}

}  // namespace scpool::worker
