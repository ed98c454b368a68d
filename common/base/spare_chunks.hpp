// Memory between two uses by byte queues: streams of bytes go on without fresh memory, which the
// kernel would hand out and take back page by page. One store per thread, at most 3 MiB. Extra to
// the layout because whoever fills chunks by himself takes them here too.
#pragma once

#include <cstddef>

#include "common/base/bytes.hpp"

namespace scpool {

inline constexpr std::size_t kSmallChunk = 16 * 1024;

// An empty chunk of at least that capacity, to be filled and appended to a queue.
Bytes take_chunk(std::size_t capacity);
// One that is empty again; kept or freed.
void keep_chunk(Bytes&& chunk);

}  // namespace scpool
