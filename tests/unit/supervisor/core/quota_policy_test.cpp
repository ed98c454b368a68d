#include "supervisor/core/quota_policy.hpp"

#include <doctest/doctest.h>

namespace scpool::supervisor {

TEST_CASE("a refusal teaches the limit until it is time to try again") {
  const PoolPolicy policy;
  Random random(1);
  QuotaPolicy quota;
  const Instant now{1h};
  CHECK(quota.may_add(100, now));
  quota.refused(3, policy, now, random);
  CHECK_FALSE(quota.may_add(3, now));
  CHECK(quota.may_add(2, now));  // one of ours went: its place is free
  CHECK(quota.may_add(3, quota.retry_at()));
  CHECK(quota.retry_at() >= now + policy.quota_backoff.first_limit / 2);
}

TEST_CASE("more refusals wait longer, a success beyond the limit forgets it") {
  const PoolPolicy policy;
  Random random(2);
  QuotaPolicy quota;
  const Instant now{1h};
  for (int i = 0; i < 10; ++i) {
    quota.refused(3, policy, now, random);
  }
  CHECK(quota.retry_at() >= now + policy.quota_backoff.cap / 2);
  quota.accepted(3);
  CHECK(quota.limit() == 3);
  quota.accepted(4);
  CHECK_FALSE(quota.limit());
}

}  // namespace scpool::supervisor
