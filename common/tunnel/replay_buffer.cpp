#include "common/tunnel/replay_buffer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/spare_chunks.hpp"

namespace scpool {
namespace {

// Below this a copy costs less than a chunk that is hardly used.
constexpr std::size_t kWorthMoving = 4 * 1024;
constexpr std::size_t kLongestHead = 8;
constexpr std::size_t kIdleChunk = 512;  // an idle connection's pings wait long to be acknowledged

}  // namespace

void ReplayBuffer::append(ByteQueue& bytes) {
  while (!bytes.empty()) {
    if (bytes.front().size() < kWorthMoving) {
      copy(bytes.front());
      bytes.drop(bytes.front().size());
      continue;
    }
    Bytes chunk = bytes.take_front();
    if (chunk.size() >= chunk.capacity() / 2) {
      add(std::move(chunk));
    } else {
      copy(chunk);
      keep_chunk(std::move(chunk));
    }
  }
}

void ReplayBuffer::add(Bytes&& chunk) {
  size_ += chunk.size();
  memory_ += chunk.capacity();
  chunks_.push_back(std::move(chunk));
  step();
}

void ReplayBuffer::copy(ByteView bytes) {
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().size() == chunks_.back().capacity()) {
      add(take_chunk(chunks_.empty() && bytes.size() < kIdleChunk ? kIdleChunk : kSmallChunk));
    }
    Bytes& last = chunks_.back();
    const std::size_t count = std::min(bytes.size(), last.capacity() - last.size());
    last.insert(last.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

void ReplayBuffer::step() {
  while (place_.chunk + 1 < chunks_.size() && place_.offset == chunks_[place_.chunk].size()) {
    place_ = {place_.chunk + 1, 0};
  }
}

std::size_t ReplayBuffer::next_size(std::size_t most) const {
  if (unwritten() == 0) {
    return 0;
  }
  return std::min(most, chunks_[place_.chunk].size() - place_.offset);
}

void ReplayBuffer::write(ByteView before, ByteView head, std::size_t size, const Write& write) {
  SCPOOL_CHECK(size <= next_size(size) && head.size() <= kLongestHead);
  Bytes& chunk = chunks_[place_.chunk];
  std::array<ByteView, 3> parts;
  std::size_t count = 0;
  if (!before.empty()) {
    parts[count++] = before;
  }
  const ByteView payload = ByteView(chunk).subspan(place_.offset, size);
  if (head.empty() || place_.offset < head.size()) {
    if (!head.empty()) {
      parts[count++] = head;
    }
    parts[count++] = payload;
    write(std::span(parts).first(count));
  } else {
    std::uint8_t* const front = chunk.data() + (place_.offset - head.size());
    std::array<std::uint8_t, kLongestHead> lent{};
    std::copy_n(front, head.size(), lent.begin());
    std::copy(head.begin(), head.end(), front);
    parts[count++] = {front, head.size() + size};
    write(std::span(parts).first(count));
    std::copy_n(lent.begin(), head.size(), front);
  }
  place_.offset += size;
  cursor_ += size;
  step();
}

void ReplayBuffer::drop_before(std::uint64_t offset) {
  SCPOOL_CHECK(offset >= oldest_ && offset <= end());
  auto count = static_cast<std::size_t>(offset - oldest_);
  if (offset > cursor_) {
    rewind(offset);
  }
  oldest_ = offset;
  size_ -= count;
  while (!chunks_.empty()) {
    const std::size_t available = chunks_.front().size() - front_offset_;
    if (count < available) {
      front_offset_ += count;
      return;
    }
    count -= available;
    front_offset_ = 0;
    memory_ -= chunks_.front().capacity();
    keep_chunk(std::move(chunks_.front()));
    chunks_.pop_front();
    place_ = place_.chunk > 0 ? Place{place_.chunk - 1, place_.offset} : Place{};
  }
}

void ReplayBuffer::rewind(std::uint64_t offset) {
  SCPOOL_CHECK(offset >= oldest_ && offset <= end());
  cursor_ = offset;
  place_ = {0, front_offset_};
  auto count = static_cast<std::size_t>(offset - oldest_);
  while (count > 0) {
    const std::size_t here = std::min(count, chunks_[place_.chunk].size() - place_.offset);
    place_.offset += here;
    count -= here;
    step();
  }
}

void ReplayBuffer::clear() {
  drop_before(end());
}

}  // namespace scpool
