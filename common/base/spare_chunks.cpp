#include "common/base/spare_chunks.hpp"

#include <utility>
#include <vector>

namespace scpool {
namespace {

// Chunks of one size, and how many of them are kept.
struct Spares {
  std::size_t capacity;
  std::size_t most;
  std::vector<Bytes> chunks;
};
thread_local Spares little{kLittleChunk, 64, {}};
thread_local Spares small{kSmallChunk, 64, {}};
thread_local Spares large{kLargeChunk, 12, {}};

// Null for sizes that are not kept.
Spares* spares_of(std::size_t capacity) {
  if (capacity == kSmallChunk) {
    return &small;
  }
  if (capacity == kLittleChunk) {
    return &little;
  }
  return capacity == kLargeChunk ? &large : nullptr;
}

}  // namespace

Bytes take_used_chunk(std::size_t capacity) {
  if (capacity > kSmallChunk && capacity < kLargeChunk) {
    capacity = kLargeChunk;
  }
  Bytes chunk;
  Spares* spares = spares_of(capacity);
  if (spares == nullptr || spares->chunks.empty()) {
    chunk.reserve(capacity);
  } else {
    chunk = std::move(spares->chunks.back());
    spares->chunks.pop_back();
  }
  return chunk;
}

Bytes take_chunk(std::size_t capacity) {
  Bytes chunk = take_used_chunk(capacity);
  chunk.clear();
  return chunk;
}

void keep_chunk(Bytes&& chunk) {
#ifndef __SANITIZE_ADDRESS__  // there, a view of bytes that were dropped is to be found
  Spares* spares = spares_of(chunk.capacity());
  if (spares != nullptr && spares->chunks.size() < spares->most) {
    spares->chunks.push_back(std::move(chunk));
  }
#else
  chunk = Bytes();
#endif
}

}  // namespace scpool
