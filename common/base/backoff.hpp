// The only back-off formula: exponential with full jitter, delay = random(0, min(cap, base * 2^n)).
#pragma once

#include <cstdint>

#include "common/base/random.hpp"
#include "common/base/time.hpp"

namespace scpool {

struct BackoffRule {
  Duration first_limit = std::chrono::milliseconds{250};  // attempt 0 waits at most this long
  Duration base = std::chrono::milliseconds{500};         // attempt n >= 1: base * 2^(n-1)
  Duration cap = std::chrono::seconds{30};
};

// The longest delay that attempt `attempt` (from 0) may draw.
Duration backoff_limit(const BackoffRule& rule, std::uint32_t attempt);
// A delay for attempt `attempt`, uniform in [0, backoff_limit].
Duration backoff_delay(const BackoffRule& rule, std::uint32_t attempt, Random& random);

}  // namespace scpool
