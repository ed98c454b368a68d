// The numbers a pool is run by, as the deciders see them. Read and checked by pool_config; a change
// is applied in place by ConfigChanged.
#pragma once

#include <cstdint>

#include "common/base/backoff.hpp"
#include "common/base/time.hpp"

namespace scpool::supervisor {

using namespace std::chrono_literals;

struct PoolPolicy {
  std::uint32_t size = 3;
  std::uint32_t max_surge = 1;        // workers above size while replacing
  std::uint32_t max_unavailable = 0;  // ready workers that may be missing because of us

  Duration start_timeout = 90s;        // spawned to ready; provisioning alone may take 45 s
  Duration min_ready_time = 5s;        // ready this long before the old worker is drained
  Duration canary_time = 30s;          // the same for the first worker of a new configuration
  Duration progress_deadline = 15min;  // a rollout that replaces nobody for so long is paused
  Duration max_age = 24h;              // 0: workers do not age
  Duration drain_timeout = 300s;       // as long as the vendor's client waits for jobs
  Duration stop_grace = 10s;           // from the stop signal to the kill signal

  Duration probe_period = 5s;
  Duration probe_timeout = 2s;
  std::uint32_t silent_probes = 3;     // unanswered probes in a row: hung
  Duration unready_tolerance = 60s;    // alive and not ready this long: replaced
  std::uint64_t memory_limit = 0;      // bytes resident; 0: none
  std::uint32_t descriptor_limit = 0;  // open descriptors; 0: none

  Duration rest_period = 30s;  // between lists of the account's tunnels; 0: REST is never asked
  Duration rest_timeout = 5s;

  BackoffRule backoff{.first_limit = 250ms, .base = 500ms, .cap = 60s};
  BackoffRule quota_backoff{.first_limit = 15s, .base = 15s, .cap = 5min};
  Duration slow_retry = 5min;       // period of trials in `failed`
  Duration stable_after = 5min;     // ready this long: earlier failures are forgotten
  Duration alike_window = 60s;      // same cause in two slots within this: the cause is the pool's
  Duration suspicion_limit = 5min;  // everything unhealthy this long: one trial worker is started
};

}  // namespace scpool::supervisor
