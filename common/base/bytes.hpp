// Bytes: views, and the queue in which bytes wait between two layers. The queue keeps its bytes in
// chunks, so that large amounts are neither copied nor moved when the front is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scpool {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

ByteView as_bytes(std::string_view text);
std::string_view as_text(ByteView bytes);

class ByteQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void append(ByteView bytes);
  void append(std::string_view text) { append(as_bytes(text)); }
  void append(Bytes&& chunk);  // takes the chunk as it is, without a copy

  // The longest contiguous run at the front; empty only when the queue is. Valid until the next
  // call that is not const.
  ByteView front() const;
  // Fills `parts` with the runs at the front, for a gathered write; returns how many there are.
  std::size_t gather(std::span<ByteView> parts) const;
  void drop(std::size_t count);  // count <= size()
  // The run at the front as a chunk of its own; copied only when part of it was dropped before.
  Bytes take_front();
  // Moves everything of `other` behind what is here.
  void splice(ByteQueue& other);
  void clear();

  std::string to_string() const;  // a copy of everything, for tests and small messages

 private:
  std::span<const Bytes> chunks() const { return std::span(chunks_).subspan(first_); }
  void drop_front_chunk();

  std::vector<Bytes> chunks_;  // unlike a deque's, its place is not there before it is needed
  std::size_t first_ = 0;      // the chunks before it are gone
  std::size_t front_offset_ = 0;
  std::size_t size_ = 0;
};

}  // namespace scpool
