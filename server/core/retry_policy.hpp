// What may be tried again when a request's stream failed, and where, within a budget (engineering
// notes section 5). Pure; the exchange does it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "common/base/ids.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

// How far a failed attempt had come.
enum class FailurePoint {
  NeverSent,  // the stream was not opened, or the connection ended before a byte of it left
  Refused,    // REFUSED_STREAM, or above the last id of a GOAWAY: provably not processed
  Lost,       // the worker may have processed it
};

struct FailedAttempt {
  std::string_view method;
  FailurePoint point = FailurePoint::Lost;
  bool response_started = false;  // anything of it went to the browser
  bool body_replayable = false;   // no body, or all that was sent of it is still kept
  std::uint32_t retries_done = 0;
};

enum class RetryDecision {
  SameTunnel,  // another connection of it
  PoolMate,
  GiveUp,
};

enum class RetryRefusal { None, Started, NotIdempotent, BodyGone, TooMany, Budget };
std::string_view to_text(RetryRefusal refusal);

// RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method);

struct RetryVerdict {
  RetryDecision decision = RetryDecision::GiveUp;
  RetryRefusal refusal = RetryRefusal::None;  // why not
};

class RetryPolicy {
 public:
  void request_started(const TunnelId& tunnel, Instant now);
  // `tunnel` is the one that would bear the retry: it is counted against that one's budget, which
  // grows with what it serves. The one that failed serves nothing any more, often for some time.
  RetryVerdict decide(const TunnelId& tunnel, const FailedAttempt& attempt, Instant now);
  void tunnel_ended(const TunnelId& tunnel);

 private:
  // Requests and retries per second of the last ten.
  struct Budget {
    struct Second {
      std::int64_t at = 0;
      std::uint64_t requests = 0;
      std::uint64_t retries = 0;
    };
    std::array<Second, 10> seconds;
    Second& at(Instant now);
    bool allows(Instant now) const;
  };
  std::unordered_map<TunnelId, Budget> budgets_;
};

}  // namespace scpool::server
