// Keeps a long-lived process small: what it needed once and needs no more goes back to the system.
#pragma once

#include <cstdint>

namespace scpool {

// Bytes: of the host, or what the control group of this process may have when that is less.
std::uint64_t memory_of_process();

// Before threads and large allocations: one arena, and freed memory is not hoarded.
void prepare_small_memory();

// Gives back freed heap pages. Takes a millisecond for each hundred MiB of heap or so.
void release_unused_heap();

// The same and the pages of code and constants that nobody has used lately; what is used
// again comes back from the page cache. Takes well under a millisecond in a small process.
void release_unused_memory();

}  // namespace scpool
