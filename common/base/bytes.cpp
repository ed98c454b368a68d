#include "common/base/bytes.hpp"

#include <algorithm>

#include "common/base/check.hpp"
#include "common/base/spare_chunks.hpp"

namespace scpool {
namespace {

constexpr std::size_t kChunkSize = kSmallChunk;

// Not more than twice what it is for, but for very little.
std::size_t chunk_size_for(std::size_t size) {
  constexpr std::size_t kLeast = 512;
  if (size > kLeast && size <= kLittleChunk) {
    return kLittleChunk;
  }
  return std::clamp(size, kLeast, kChunkSize);
}

}  // namespace

ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ByteQueue::append(ByteView bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().size() == chunks_.back().capacity()) {
      chunks_.push_back(take_chunk(chunk_size_for(bytes.size())));
    }
    Bytes& last = chunks_.back();
    const std::size_t count = std::min(bytes.size(), last.capacity() - last.size());
    last.insert(last.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
  }
}

void ByteQueue::append(Bytes&& chunk) {
  if (!chunk.empty()) {
    size_ += chunk.size();
    chunks_.push_back(std::move(chunk));
  }
}

ByteView ByteQueue::front() const {
  if (chunks_.empty()) {
    return {};
  }
  return ByteView(chunks_[first_]).subspan(front_offset_);
}

std::size_t ByteQueue::gather(std::span<ByteView> parts) const {
  const std::size_t count = std::min(parts.size(), chunks().size());
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = chunks()[i];
  }
  if (count > 0) {
    parts[0] = front();
  }
  return count;
}

void ByteQueue::drop(std::size_t count) {
  SCPOOL_CHECK(count <= size_);
  size_ -= count;
  while (count > 0) {
    const std::size_t available = chunks_[first_].size() - front_offset_;
    if (count < available) {
      front_offset_ += count;
      return;
    }
    count -= available;
    front_offset_ = 0;
    keep_chunk(std::move(chunks_[first_]));
    drop_front_chunk();
  }
}

void ByteQueue::drop_front_chunk() {
  constexpr std::size_t kManyGone = 16;
  ++first_;
  if (first_ == chunks_.size()) {
    chunks_.clear();
    first_ = 0;
  } else if (first_ >= kManyGone && first_ * 2 >= chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

Bytes ByteQueue::take_front() {
  SCPOOL_CHECK(!chunks_.empty());
  Bytes chunk;
  if (front_offset_ == 0) {
    chunk = std::move(chunks_[first_]);
  } else {
    const ByteView rest = front();
    chunk.assign(rest.begin(), rest.end());
  }
  size_ -= chunk.size();
  front_offset_ = 0;
  drop_front_chunk();
  return chunk;
}

void ByteQueue::splice(ByteQueue& other) {
  while (!other.empty()) {
    if (other.front_offset_ > 0) {
      append(other.front());
      other.drop(other.front().size());
      continue;
    }
    const std::size_t count = other.chunks_[other.first_].size();
    chunks_.push_back(std::move(other.chunks_[other.first_]));
    other.drop_front_chunk();
    other.size_ -= count;
    size_ += count;
  }
}

void ByteQueue::clear() {
  constexpr std::size_t kMostKept = 16;  // places of chunks
  if (chunks_.capacity() > kMostKept) {
    chunks_ = std::vector<Bytes>();
  }
  chunks_.clear();
  first_ = 0;
  front_offset_ = 0;
  size_ = 0;
}

std::string ByteQueue::to_string() const {
  std::string text;
  text.reserve(size_);
  std::size_t offset = front_offset_;
  for (const Bytes& chunk : chunks()) {
    text.append(as_text(ByteView(chunk).subspan(offset)));
    offset = 0;
  }
  return text;
}

}  // namespace scpool
