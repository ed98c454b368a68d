#include "common/base/backoff.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace std::chrono_literals;

TEST_CASE("the limit doubles from the base and stops at the cap") {
  const BackoffRule rule;
  CHECK(backoff_limit(rule, 0) == 250ms);
  CHECK(backoff_limit(rule, 1) == 500ms);
  CHECK(backoff_limit(rule, 2) == 1s);
  CHECK(backoff_limit(rule, 6) == 16s);
  CHECK(backoff_limit(rule, 7) == 30s);
  CHECK(backoff_limit(rule, 1'000'000) == 30s);
}

TEST_CASE("delays are spread over the whole range, not bunched at its end") {
  const BackoffRule rule;
  Random random(7);
  int lower_half = 0;
  for (int draw = 0; draw < 1000; ++draw) {
    const Duration delay = backoff_delay(rule, 7, random);
    CHECK(delay >= 0s);
    CHECK(delay <= 30s);
    lower_half += delay < 15s ? 1 : 0;
  }
  CHECK(lower_half > 400);
  CHECK(lower_half < 600);
}
