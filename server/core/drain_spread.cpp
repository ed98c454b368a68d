#include "server/core/drain_spread.hpp"

#include <algorithm>

namespace scpool::server {

std::vector<Duration> spread_drains(std::size_t connections, Duration grace, Random& random) {
  constexpr Duration kStep = std::chrono::milliseconds{5};
  constexpr Duration kLongest = std::chrono::seconds{30};
  const Duration window =
      std::min<Duration>({kLongest, kStep * static_cast<Duration::rep>(connections), grace / 2});
  std::vector<Duration> delays(connections);
  std::generate(delays.begin(), delays.end(), [&] { return random.up_to(window); });
  return delays;
}

}  // namespace scpool::server
