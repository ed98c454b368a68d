#include "common/base/spare_chunks.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace scpool {
namespace {

constexpr std::size_t kLargeChunk = 64 * 1024;
constexpr std::size_t kLargestKept = 256 * 1024;

struct SpareChunks {
  static constexpr std::size_t kMostSmall = 64;
  static constexpr std::size_t kMostLarge = 8;
  std::vector<Bytes> small;  // of kSmallChunk
  std::vector<Bytes> large;  // kLargeChunk to kLargestKept
};
thread_local SpareChunks spares;

}  // namespace

Bytes take_chunk(std::size_t capacity) {
  Bytes chunk;
  std::vector<Bytes>& kept = capacity == kSmallChunk ? spares.small : spares.large;
  const auto fitting = std::find_if(kept.rbegin(), kept.rend(), [capacity](const Bytes& spare) {
    return spare.capacity() >= capacity;
  });
  if (capacity >= kSmallChunk && fitting != kept.rend()) {
    std::swap(*fitting, kept.back());
    chunk = std::move(kept.back());
    kept.pop_back();
    chunk.clear();
  } else {
    chunk.reserve(capacity);
  }
  return chunk;
}

void keep_chunk(Bytes&& chunk) {
#ifndef __SANITIZE_ADDRESS__  // there, a view of bytes that were dropped is to be found
  const std::size_t capacity = chunk.capacity();
  if (capacity == kSmallChunk && spares.small.size() < SpareChunks::kMostSmall) {
    spares.small.push_back(std::move(chunk));
  } else if (capacity >= kLargeChunk && capacity <= kLargestKept &&
             spares.large.size() < SpareChunks::kMostLarge) {
    spares.large.push_back(std::move(chunk));
  }
#else
  chunk = Bytes();
#endif
}

}  // namespace scpool
