// The bytes of one direction that may have to be sent again: what HTTP/2 gave and the peer has not
// acknowledged, in the chunks HTTP/2 wrote it to. A cursor parts what was written to the connection
// from what was not; after a cut it goes back, and nothing was copied for that. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "common/base/bytes.hpp"
#include "common/base/fifo.hpp"

namespace scpool {

class ReplayBuffer {
 public:
  // Offsets count all bytes of this direction since its beginning.
  std::uint64_t oldest() const { return oldest_; }
  std::uint64_t cursor() const { return cursor_; }
  std::uint64_t end() const { return oldest_ + size_; }
  std::size_t size() const { return size_; }
  std::size_t memory() const { return memory_; }  // of the chunks, filled or not
  std::size_t unwritten() const { return static_cast<std::size_t>(end() - cursor_); }

  // Takes everything of `bytes`. Chunks that are well filled stay as they are.
  void append(ByteQueue& bytes);

  // How many of at most `most` bytes lie in one piece at the cursor; 0 only when all is written.
  std::size_t next_size(std::size_t most) const;
  // Calls `write` with `before`, `head` and the next `size` bytes, and moves the cursor on. The
  // head is put into the place in front of the bytes and taken out again, so that record and head
  // are one piece without a copy; at a chunk's beginning it is a part of its own. size <=
  // next_size(size); the views are valid during the call.
  using Write = std::function<void(std::span<const ByteView>)>;
  void write(ByteView before, ByteView head, std::size_t size, const Write& write);

  void drop_before(std::uint64_t offset);  // oldest() <= offset <= end()
  void rewind(std::uint64_t offset);       // oldest() <= offset <= end()
  void clear();                            // forgets everything unwritten, too

 private:
  struct Place {
    std::size_t chunk = 0;
    std::size_t offset = 0;
  };
  void step();  // past the end of a chunk, when there is a next one
  void copy(ByteView bytes);
  void add(Bytes&& chunk);

  Fifo<Bytes> chunks_;
  std::size_t front_offset_ = 0;  // dropped bytes of the first chunk
  Place place_;                   // of the cursor
  std::uint64_t oldest_ = 0;
  std::uint64_t cursor_ = 0;
  std::size_t size_ = 0;
  std::size_t memory_ = 0;
};

}  // namespace scpool
