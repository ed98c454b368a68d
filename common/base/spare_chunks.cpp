#include "common/base/spare_chunks.hpp"

#include <utility>
#include <vector>

namespace scpool {
namespace {

struct SpareChunks {
  static constexpr std::size_t kMostSmall = 64;
  static constexpr std::size_t kMostLarge = 12;
  std::vector<Bytes> small;
  std::vector<Bytes> large;
};
thread_local SpareChunks spares;

}  // namespace

Bytes take_used_chunk(std::size_t capacity) {
  if (capacity > kSmallChunk && capacity < kLargeChunk) {
    capacity = kLargeChunk;
  }
  std::vector<Bytes>& kept = capacity == kSmallChunk ? spares.small : spares.large;
  if ((capacity != kSmallChunk && capacity != kLargeChunk) || kept.empty()) {
    Bytes fresh;
    fresh.reserve(capacity);
    return fresh;
  }
  Bytes chunk = std::move(kept.back());
  kept.pop_back();
  return chunk;
}

Bytes take_chunk(std::size_t capacity) {
  Bytes chunk = take_used_chunk(capacity);
  chunk.clear();
  return chunk;
}

void keep_chunk(Bytes&& chunk) {
#ifndef __SANITIZE_ADDRESS__  // there, a view of bytes that were dropped is to be found
  const std::size_t capacity = chunk.capacity();
  if (capacity == kSmallChunk && spares.small.size() < SpareChunks::kMostSmall) {
    spares.small.push_back(std::move(chunk));
  } else if (capacity == kLargeChunk && spares.large.size() < SpareChunks::kMostLarge) {
    spares.large.push_back(std::move(chunk));
  }
#else
  chunk = Bytes();
#endif
}

}  // namespace scpool
