#include "server/core/retry_policy.hpp"

#include <algorithm>

namespace scpool::server {

namespace {

constexpr std::uint32_t kMaxRetries = 2;        // per request
constexpr std::uint64_t kRequestsPerRetry = 5;  // 20 % of the requests of ten seconds
// All that waits on a worker that dies goes to mates that may have had little to do.
constexpr std::uint64_t kAlwaysAllowed = 100;

std::int64_t second_of(Instant now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

RetryRefusal refusal_of(const FailedAttempt& attempt) {
  if (attempt.response_started) {
    return RetryRefusal::Started;
  }
  // A CONNECT carries nothing of the client before its 2xx, so it may be tried again as if it had
  // never been sent.
  if (attempt.point == FailurePoint::Lost && attempt.method != "CONNECT") {
    if (!is_idempotent(attempt.method)) {
      return RetryRefusal::NotIdempotent;
    }
    if (attempt.retries_done >= 1) {
      return RetryRefusal::TooMany;
    }
  }
  if (!attempt.body_replayable) {
    return RetryRefusal::BodyGone;
  }
  return attempt.retries_done >= kMaxRetries ? RetryRefusal::TooMany : RetryRefusal::None;
}

}  // namespace

std::string_view to_text(RetryRefusal refusal) {
  switch (refusal) {
    case RetryRefusal::None:
      return "none";
    case RetryRefusal::Started:
      return "response_started";
    case RetryRefusal::NotIdempotent:
      return "not_idempotent";
    case RetryRefusal::BodyGone:
      return "body_gone";
    case RetryRefusal::TooMany:
      return "too_many";
    case RetryRefusal::Budget:
      return "budget";
  }
  return "unknown";
}

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kIdempotent = {
      "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

RetryPolicy::Budget::Second& RetryPolicy::Budget::at(Instant now) {
  const std::int64_t second = second_of(now);
  Second& slot = seconds.at(static_cast<std::size_t>(second) % seconds.size());
  if (slot.at != second) {
    slot = {second, 0, 0};
  }
  return slot;
}

bool RetryPolicy::Budget::allows(Instant now) const {
  const std::int64_t oldest = second_of(now) - static_cast<std::int64_t>(seconds.size()) + 1;
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const Second& second : seconds) {
    if (second.at >= oldest) {
      requests += second.requests;
      retries += second.retries;
    }
  }
  return retries < std::max(kAlwaysAllowed, requests / kRequestsPerRetry);
}

void RetryPolicy::request_started(const TunnelId& tunnel, Instant now) {
  ++budgets_[tunnel].at(now).requests;
}

RetryVerdict RetryPolicy::decide(const TunnelId& tunnel,
                                 const FailedAttempt& attempt,
                                 Instant now) {
  const RetryRefusal refusal = refusal_of(attempt);
  if (refusal != RetryRefusal::None) {
    return {RetryDecision::GiveUp, refusal};
  }
  Budget& budget = budgets_[tunnel];
  if (!budget.allows(now)) {
    return {RetryDecision::GiveUp, RetryRefusal::Budget};
  }
  ++budget.at(now).retries;
  // A connection that was lost rarely goes alone: when its worker died, its sisters are about to.
  const bool stay = attempt.retries_done == 0 && attempt.point != FailurePoint::Lost;
  return {stay ? RetryDecision::SameTunnel : RetryDecision::PoolMate, RetryRefusal::None};
}

void RetryPolicy::tunnel_ended(const TunnelId& tunnel) {
  budgets_.erase(tunnel);
}

}  // namespace scpool::server
