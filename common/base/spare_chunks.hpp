// Memory between two uses by byte queues: streams of bytes go on without fresh memory, which the
// kernel would hand out and take back page by page. One store per thread, at most 3 MiB. Extra to
// the layout because whoever fills chunks by himself takes them here too.
#pragma once

#include <cstddef>

#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"

namespace scpool {

inline constexpr std::size_t kLittleChunk = 2 * 1024;  // the body of a short answer
inline constexpr std::size_t kSmallChunk = 16 * 1024;
// For a batch of the tunnel, framed or encrypted, and a little more.
inline constexpr std::size_t kLargeChunk = limits::kMaxUnsentBytes + kSmallChunk;

// An empty chunk of at least that capacity, to be filled and appended to a queue. Those of the
// three sizes above are kept; between the last two the larger is given.
Bytes take_chunk(std::size_t capacity);
// The same, with what it held before left in it: who writes over it pays for no zeroes.
Bytes take_used_chunk(std::size_t capacity);
// One that is empty again; kept or freed.
void keep_chunk(Bytes&& chunk);

}  // namespace scpool
