// What the kernel knows of the way to a TCP connection's other end, and what follows for its
// congestion control. Apart, since the kernel's structure with the smallest round trip clashes with
// the C library's.
#pragma once

#include <optional>

#include "common/base/time.hpp"

namespace scpool {

struct RoundTrips {  // in microseconds' steps
  Duration smoothed = Duration::zero();
  Duration least = Duration::zero();  // of the last minutes: without queues
};

// Nothing before the kernel knows one, and for other sockets (TCP_INFO).
std::optional<RoundTrips> tcp_round_trips(int descriptor);

// BBR paces what it sends. On a path of less than limits::kShortRoundTrip (this host, a LAN) that
// gains nothing, and where no fq queue does the pacing, as on loopback, a kernel timer for every
// burst costs more than all the rest of TCP. Such a connection goes on with CUBIC (RFC 9438).
// Others, and other algorithms, keep what the system's administrator chose.
void leave_pacing_on_short_path(int descriptor);

}  // namespace scpool
