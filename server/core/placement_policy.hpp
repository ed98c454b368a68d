// Which connection of a tunnel gets a new stream. Pure.
//
// On a long path: the better of two random ready ones by load (queued bytes, streams, what comes
// over it), then by round trip (engineering notes section 2). A lost packet then holds up few
// streams, and the windows of several connections grow at once.
//
// On a short path (this host, a LAN), where little is lost and windows do not matter, requests cost
// TLS records, system calls and wake-ups, and those that share a connection share these: the first
// connection on which nothing large is under way takes all, as long as they are not too many and it
// answers: should it be dead, few have found out before the others go elsewhere.
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
  bool short_path = false;
  Duration unanswered = Duration::zero();  // as OwedAnswer tells
  // Of large bodies, lately: behind them is a queue in the kernel or at the other end.
  std::size_t recent_bulk = 0;
};

// How much of a growing total came within about the last second: exact when it is asked often.
class RecentBytes {
 public:
  // `total`: since the beginning.
  std::size_t note(std::uint64_t total, Instant now);

 private:
  Instant at_{};
  std::uint64_t total_ = 0;
  double recent_ = 0;
};

// How long a connection has owed an answer. Without streams it has time, and what was sent then
// does not count.
class OwedAnswer {
 public:
  // `unanswered`: since something was sent and nothing heard.
  Duration note(std::size_t streams, Duration unanswered, Instant now);

 private:
  Instant busy_since_{};
};

// An index below `count`; nothing when none is usable. Connections with more than 8 MiB in flight
// are taken only when there is no other. Asks for as few candidates as it needs, mostly one or two.
using CandidateAt = std::function<PlacementCandidate(std::size_t)>;
std::optional<std::size_t> place_stream(std::size_t count,
                                        const CandidateAt& candidate_at,
                                        Random& random);

}  // namespace scpool::server
