#include "common/h2/frame_batch.hpp"

#include <algorithm>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/spare_chunks.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kFrameHead = 9;                     // RFC 9113 section 4.1
constexpr std::size_t kRecord = limits::kCarrierPayload;  // batches end at its multiples
constexpr std::size_t kSmallestCut = 1024;                // no frame is cut shorter to fit a batch

}  // namespace

void FrameBatch::begin(std::size_t target, bool much) {
  target_ = target;
  used_ = 0;
  chunk_ = take_used_chunk(much ? kLargeChunk : kSmallChunk);
}

Bytes FrameBatch::finish() {
  SCPOOL_CHECK(in_place_ == 0);
  chunk_.resize(used_);
  used_ = 0;
  return std::exchange(chunk_, {});
}

std::size_t FrameBatch::body_room() const {
  const std::size_t left = target_ > used_ ? target_ - used_ : 0;
  return (left < kFrameHead + kSmallestCut ? left + kRecord : left) - kFrameHead;
}

void FrameBatch::make_room(std::size_t bytes) {
  if (bytes > chunk_.capacity()) {
    Bytes larger = take_used_chunk(std::max(bytes, kLargeChunk));
    larger.resize(std::max(larger.size(), bytes));
    std::copy(chunk_.begin(),
              chunk_.begin() + static_cast<std::ptrdiff_t>(used_ + extent(in_place_)),
              larger.begin());
    keep_chunk(std::exchange(chunk_, std::move(larger)));
  } else if (bytes > chunk_.size()) {
    chunk_.resize(bytes);
  }
}

std::size_t FrameBatch::extent(std::size_t count) const {
  return count == 0 ? 0 : count + (count + frame_size_ - 1) / frame_size_ * kFrameHead;
}

void FrameBatch::append(ByteView bytes) {
  const std::size_t waiting = extent(in_place_);
  make_room(used_ + bytes.size() + waiting);
  std::uint8_t* const end = chunk_.data() + used_;
  if (waiting > 0) {
    std::copy_backward(end, end + waiting, end + waiting + bytes.size());
  }
  std::copy(bytes.begin(), bytes.end(), end);
  used_ += bytes.size();
}

Room FrameBatch::places(std::size_t most, std::size_t frame_size) {
  SCPOOL_CHECK(in_place_ == 0 && frame_size > 0);
  most = std::min(most, kMostPlaces * frame_size);
  frame_size_ = frame_size;
  make_room(used_ + extent(most));
  std::uint8_t* at = chunk_.data() + used_;
  std::size_t count = 0;
  for (std::size_t left = most; left > 0;) {
    const std::size_t size = std::min(left, frame_size);
    places_[count++] = {at + kFrameHead, size};
    at += kFrameHead + size;
    left -= size;
  }
  return std::span(places_).first(count);
}

void FrameBatch::frame(ByteView head, std::size_t length) {
  SCPOOL_CHECK(head.size() == kFrameHead && length == std::min(in_place_, frame_size_));
  std::copy(head.begin(), head.end(), chunk_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += kFrameHead + length;
  in_place_ -= length;
}

void FrameBatch::take_back(ByteQueue& out) {
  for (ByteView waiting = ByteView(chunk_).subspan(used_, extent(in_place_)); !waiting.empty();) {
    const std::size_t whole = std::min(waiting.size(), kFrameHead + frame_size_);
    out.append(waiting.subspan(kFrameHead, whole - kFrameHead));
    waiting = waiting.subspan(whole);
  }
  in_place_ = 0;
}

}  // namespace scpool::h2
