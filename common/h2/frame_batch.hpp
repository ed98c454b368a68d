// The frames that go out together, in one chunk. Bodies are copied in, or are put into their places
// by whoever has them, before the heads of their frames are written (fill). Pure; for the sources
// of this folder only.
#pragma once

#include <algorithm>
#include <array>

#include "common/base/byte_parts.hpp"
#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"

namespace scpool::h2 {

class FrameBatch {
 public:
  // An empty one that is full at `target` bytes; `much`: it will be full, so take memory for all of
  // it.
  void begin(std::size_t target, bool much);
  // What was framed, as a chunk of its own; nothing may wait in place.
  Bytes finish();

  std::size_t size() const { return used_; }
  bool full() const { return used_ >= target_; }
  // For a DATA frame's body: what is left until the target, or one record more rather than a tiny
  // rest.
  std::size_t body_room() const;

  // Behind everything that is framed, in front of what waits in place.
  void append(ByteView bytes);

  // Places for the bodies of frames of `frame_size` each, `most` bytes in all, with gaps for their
  // heads in between. Valid until the next call that is not const; nothing waits in place yet.
  Room places(std::size_t most, std::size_t frame_size);
  // So many bytes were put there, first to last.
  void filled(std::size_t count) { in_place_ = count; }
  std::size_t in_place() const { return in_place_; }
  std::size_t next_in_place() const { return std::min(in_place_, frame_size_); }  // one frame's
  // Writes the head in front of the next `length` bytes that wait in place.
  void frame(ByteView head, std::size_t length);
  // The opposite of fill: gives what waits in place to a queue.
  void take_back(ByteQueue& out);

 private:
  static constexpr std::size_t kMostPlaces = limits::kFairnessQuantum / limits::kDataFrame + 1;

  void make_room(std::size_t bytes);
  // Of what waits in place; `count` from the first of it.
  std::size_t extent(std::size_t count) const;

  Bytes chunk_;  // longer than what is used: bytes that are put in need not be zeroed before
  std::size_t used_ = 0;
  std::size_t target_ = 0;
  std::size_t in_place_ = 0;    // bytes, without the gaps
  std::size_t frame_size_ = 0;  // of those in place
  std::array<std::span<std::uint8_t>, kMostPlaces> places_;
};

}  // namespace scpool::h2
