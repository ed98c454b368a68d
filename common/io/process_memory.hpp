// Keeps a long-lived process small: what it needed once and needs no more goes back to the system.
#pragma once

namespace scpool {

// Before threads and large allocations: one arena, and freed memory is not hoarded.
void prepare_small_memory();

// Gives back freed heap pages and the pages of code and constants that nobody has used lately; what
// is used again comes back from the page cache. Takes well under a millisecond.
void release_unused_memory();

}  // namespace scpool
