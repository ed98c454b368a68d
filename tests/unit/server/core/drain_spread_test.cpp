#include "server/core/drain_spread.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace scpool::server {

using namespace std::chrono_literals;

TEST_CASE("drains spread over 5 ms a connection, at most 30 s and half the grace") {
  Random random(3);
  const auto longest = [&](std::size_t connections, Duration grace) {
    const std::vector<Duration> delays = spread_drains(connections, grace, random);
    CHECK(delays.size() == connections);
    CHECK(*std::min_element(delays.begin(), delays.end()) >= Duration::zero());
    return *std::max_element(delays.begin(), delays.end());
  };
  CHECK(longest(1, 60s) <= 5ms);
  CHECK(longest(1000, 60s) <= 5s);
  CHECK(longest(1000, 60s) > 4s);
  CHECK(longest(100'000, 300s) <= 30s);
  CHECK(longest(1000, 2s) <= 1s);
  CHECK(longest(1000, 0s) == 0s);
  CHECK(spread_drains(0, 60s, random).empty());
}

}  // namespace scpool::server
