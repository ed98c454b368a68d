#include "worker/core/dial_plan.hpp"

#include <algorithm>

#include "common/base/check.hpp"

namespace scpool::worker {

DialPlan::DialPlan(std::size_t addresses, const DialRule& rule, Instant now)
    : addresses_(addresses),
      rule_(rule),
      next_start_(now),
      round_deadline_(rule.timeout > Duration::zero() ? now + rule.timeout : kNever) {
  SCPOOL_CHECK(addresses > 0);
}

DialPlan::Due DialPlan::take_due(Instant now) {
  if (next_address_ == addresses_ || now < next_start_ || state(now) != State::Dialing) {
    return {};
  }
  if (next_address_ == 0 && rule_.timeout > Duration::zero()) {
    round_deadline_ = now + rule_.timeout;
  }
  next_start_ = now + rule_.stagger;
  ++running_;
  return {true, next_address_++};
}

void DialPlan::failed(Instant now) {
  SCPOOL_CHECK(running_ > 0);
  --running_;
  if (next_address_ < addresses_) {
    next_start_ = now;
    return;
  }
  if (running_ == 0 && round_ + 1 < rule_.attempts) {
    ++round_;
    next_address_ = 0;
    next_start_ = now + rule_.backoff;
    round_deadline_ = kNever;  // until the round begins
  }
}

DialPlan::State DialPlan::state(Instant now) const {
  if (now >= round_deadline_) {
    return State::TimedOut;
  }
  return next_address_ == addresses_ && running_ == 0 ? State::Exhausted : State::Dialing;
}

Instant DialPlan::next_deadline() const {
  return next_address_ < addresses_ ? std::min(next_start_, round_deadline_) : round_deadline_;
}

}  // namespace scpool::worker
