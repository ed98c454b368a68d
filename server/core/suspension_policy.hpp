// Which cut sessions are given up before their time, so that waiting for workers never costs more
// memory than it may: per tunnel at most so many, in all at most so many bytes; the oldest go
// first. A decider of its own because the roster, which asks it, is a shell.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/base/limits.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

struct SuspensionLimits {
  std::size_t per_tunnel = limits::kMaxSuspendedPerTunnel;
  std::size_t bytes = limits::kMaxSuspendedBytes;
};

struct SuspendedSession {
  std::string_view tunnel;
  Instant since;
  std::size_t held = 0;  // bytes
};

// Indexes into `sessions`.
std::vector<std::size_t> sessions_to_end(const std::vector<SuspendedSession>& sessions,
                                         const SuspensionLimits& limits);

}  // namespace scpool::server
