// When each of many connections is asked to leave, so that not all workers dial at once
// (engineering notes section 3). Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/random.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

// A delay for each connection: spread at random over 5 ms a connection, 30 s and half of `grace` at
// most.
std::vector<Duration> spread_drains(std::size_t connections, Duration grace, Random& random);

}  // namespace scpool::server
