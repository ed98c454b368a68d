// Which connection of a tunnel gets a new stream: the better of two random ready ones by load
// (queued bytes, streams, what comes over it), then by round trip (engineering notes section 2).
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "common/base/random.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

struct PlacementCandidate {
  bool usable = false;  // ready, not suspect, not draining, below its stream limit
  std::size_t queued_bytes = 0;
  std::size_t streams = 0;
  Duration round_trip = Duration::zero();
  std::size_t recent_bytes = 0;  // received lately: the queue behind them is at the other end
};

// How much came within about the last second.
class RecentBytes {
 public:
  // `total`: since the beginning.
  std::size_t note(std::uint64_t total, Instant now);

 private:
  Instant at_{};
  std::uint64_t total_ = 0;
  double recent_ = 0;
};

// An index below `count`; nothing when none is usable. Connections with more than 8 MiB in flight
// are taken only when there is no other. Asks for as few candidates as it needs, mostly two.
using CandidateAt = std::function<PlacementCandidate(std::size_t)>;
std::optional<std::size_t> place_stream(std::size_t count,
                                        const CandidateAt& candidate_at,
                                        Random& random);

}  // namespace scpool::server
