#include "common/base/backoff.hpp"

#include <algorithm>

namespace scpool {

Duration backoff_limit(const BackoffRule& rule, std::uint32_t attempt) {
  if (attempt == 0) {
    return std::min(rule.first_limit, rule.cap);
  }
  Duration limit = rule.base;
  for (std::uint32_t doubling = 1; doubling < attempt && limit < rule.cap; ++doubling) {
    limit *= 2;
  }
  return std::min(limit, rule.cap);
}

Duration backoff_delay(const BackoffRule& rule, std::uint32_t attempt, Random& random) {
  return random.up_to(backoff_limit(rule, attempt));
}

}  // namespace scpool
