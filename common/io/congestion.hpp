// What a connection's congestion control should be, once the path is known. For streams only; the
// kernel's structure with the smallest round trip clashes with the C library's, so it stays apart.
#pragma once

namespace scpool {

// BBR paces what it sends. On a path of less than limits::kShortRoundTrip (this host, a LAN) that
// gains nothing, and where no fq queue does the pacing, as on loopback, a kernel timer for every
// burst costs more than all the rest of TCP. Such a connection goes on with CUBIC (RFC 9438).
// Others, and other algorithms, keep what the system's administrator chose.
void leave_pacing_on_short_path(int descriptor);

}  // namespace scpool
