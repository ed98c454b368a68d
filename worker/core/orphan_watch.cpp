#include "worker/core/orphan_watch.hpp"

namespace scpool::worker {
namespace {

// All workers of a host ask at the same time, which wakes their supervisor once.
Instant next_beat(Instant now, Duration period) {
  return Instant{(now.time_since_epoch() / period + 1) * period};
}

}  // namespace

OrphanWatch::OrphanWatch(const OrphanRule& rule, Instant now)
    : rule_(rule), next_(next_beat(now, rule.check_every)) {}

bool OrphanWatch::take_due(Instant now) {
  if (now < next_) {
    return false;
  }
  next_ = next_beat(now, rule_.check_every);
  return true;
}

void OrphanWatch::probed(ProbeResult result, Instant now) {
  if (result == ProbeResult::Answered) {
    away_since_.reset();
  } else if (!away_since_) {
    away_since_ = now;
  }
}

bool OrphanWatch::orphaned(Instant now) const {
  return away_since_ && away_for(now) >= rule_.grace;
}

Duration OrphanWatch::away_for(Instant now) const {
  return away_since_ ? now - *away_since_ : Duration::zero();
}

}  // namespace scpool::worker
