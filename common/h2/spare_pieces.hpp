// Memory between two uses by nghttp2: each request takes and gives back a handful of small pieces,
// which costs the heap more than the request's tables cost nghttp2. One store per thread for all
// its sessions, at most 270 KiB; an idle session holds nothing of it. Extra to the layout, beside
// session_memory.
#pragma once

#include <cstddef>

namespace scpool::h2 {

// As malloc and free do; null when there is no memory. A piece may be larger than was asked.
void* take_piece(std::size_t size);
void keep_piece(void* piece);

}  // namespace scpool::h2
