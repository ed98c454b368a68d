#include "supervisor/core/quota_policy.hpp"

namespace scpool::supervisor {

void QuotaPolicy::refused(std::uint32_t others,
                          const PoolPolicy& policy,
                          Instant now,
                          Random& random) {
  limit_ = others;
  const Duration wait = backoff_limit(policy.quota_backoff, refusals_);
  retry_at_ = now + wait / 2 + random.up_to(wait / 2);
  ++refusals_;
}

void QuotaPolicy::accepted(std::uint32_t total) {
  if (limit_ && total > *limit_) {
    limit_.reset();
    refusals_ = 0;
  }
}

bool QuotaPolicy::may_add(std::uint32_t total, Instant now) const {
  return !limit_ || total < *limit_ || now >= retry_at_;
}

}  // namespace scpool::supervisor
