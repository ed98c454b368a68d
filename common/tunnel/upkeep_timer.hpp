// When a quiet tunnel connection wakes its process: what is not urgent waits for the next of a few
// instants a second that all connections share, so that a server with thousands of them wakes for
// many at once. Pure.
#pragma once

#include <cstdint>

#include "common/base/time.hpp"

namespace scpool {

struct UpkeepDeadlines {
  Instant urgent = kNever;  // the end of a drain or of a suspension
  Instant upkeep = kNever;  // ping, verdict on silence, canary, list of streams
  Instant ack = kNever;
  std::uint64_t owed_bytes = 0;  // which that ACK would acknowledge
};

// Not before the earliest of them is due, and not more than 250 ms later; at once for what is
// urgent, for what is due within a second and for the ACK of much.
Instant upkeep_timer(const UpkeepDeadlines& deadlines, Instant now);

// How long an ACK may wait for something to ride along with: nobody waits for that of an idle
// connection, whose next ping takes it along.
Duration ack_delay(bool has_streams);

}  // namespace scpool
