#include "common/tunnel/liveness.hpp"

#include <algorithm>

namespace scpool {
namespace {

double draw_jitter(Random& random) {
  return 0.8 + static_cast<double>(random.below(4001)) / 10000.0;
}

Duration scaled(Duration duration, double factor) {
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

}  // namespace

Liveness::Liveness(const LivenessRule& rule, Random random, Instant now)
    : rule_(rule), random_(random), last_received_(now), last_ping_(now) {
  jitter_ = draw_jitter(random_);
}

void Liveness::bytes_received(Instant now) {
  last_received_ = now;
  unanswered_since_.reset();
  heard_since_ping_ = true;
}

void Liveness::bytes_sent(Instant now) {
  if (!unanswered_since_) {
    unanswered_since_ = now;
  }
}

void Liveness::ping_sent(Instant now) {
  bytes_sent(now);
  last_ping_ = now;
  ping_sent_ = now;
  heard_since_ping_ = false;
  jitter_ = draw_jitter(random_);
}

Duration Liveness::ping_acknowledged(Instant now) {
  bytes_received(now);
  if (ping_sent_) {
    if (!measured_) {
      round_trip_ = now - *ping_sent_;
    }
    ping_sent_.reset();
  }
  return round_trip_.value_or(Duration::zero());
}

void Liveness::round_trip_measured(Duration smoothed, Duration least, Instant now) {
  next_measure_ = now + limits::kRoundTripPeriod;
  measured_ = true;
  round_trip_ = smoothed;
  least_round_trip_ = least;
}

void Liveness::round_trip_unknown(Instant now) {
  next_measure_ = now + limits::kRoundTripPeriod;
}

void Liveness::restart(Instant now) {
  bytes_received(now);
  last_ping_ = now;
  ping_sent_.reset();
  measured_ = false;
  least_round_trip_ = Duration::max();
  next_measure_ = now;
}

bool Liveness::waits_for_ping() const {
  return ping_sent_.has_value() && !heard_since_ping_;
}

Instant Liveness::ping_at(bool has_streams) const {
  if (waits_for_ping()) {
    return kNever;
  }
  if (!has_streams) {
    // A byte of the peer, its ping too, says as much as an answer to ours: of two idle ends one
    // pings.
    return std::max(last_ping_, last_received_) + scaled(rule_.ping_idle, jitter_);
  }
  Instant at = last_ping_ + scaled(rule_.ping_busy, jitter_);
  if (unanswered_since_) {
    // Not more often than this, or two quiet ends would answer each other's pings with pings.
    const Instant allowed = last_ping_ + rule_.suspect_silence;
    at = std::min(at, std::max(allowed, *unanswered_since_ + early_ping_after()));
  }
  return at;
}

Instant Liveness::suspect_at() const {
  if (!waits_for_ping() || !unanswered_since_) {
    return kNever;
  }
  return std::max(*unanswered_since_ + rule_.suspect_silence, *ping_sent_ + early_ping_after());
}

Instant Liveness::dead_at() const {
  return waits_for_ping() ? *ping_sent_ + rule_.dead_after_ping : kNever;
}

bool Liveness::ping_due(Instant now, bool has_streams) const {
  return now >= ping_at(has_streams);
}

LivenessVerdict Liveness::verdict(Instant now) const {
  if (now >= dead_at()) {
    return LivenessVerdict::Dead;
  }
  return now >= suspect_at() ? LivenessVerdict::Suspect : LivenessVerdict::Alive;
}

Instant Liveness::next_deadline(Instant now, bool has_streams) const {
  Instant next = ping_at(has_streams);
  for (const Instant at : {suspect_at(), dead_at()}) {
    if (at > now) {
      next = std::min(next, at);
    }
  }
  return next;
}

}  // namespace scpool
