// Memory for one nghttp2 session. nghttp2 keeps a buffer for a whole frame, of which an idle
// session has used the first bytes: pieces of that size are pages of their own, so that those
// nobody wrote to cost nothing. Shared memory of the heap would have been written to by somebody
// before.
#pragma once

#include <cstddef>
#include <vector>

namespace scpool::h2 {

class SessionMemory {
 public:
  SessionMemory() = default;
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  // As malloc, calloc, realloc and free do; null when there is no memory.
  void* allocate(std::size_t size);
  void* allocate_zeroed(std::size_t count, std::size_t size);
  void* resize(void* address, std::size_t size);
  void release(void* address);
  // In pages of their own, used or not.
  std::size_t mapped_bytes() const;
  // Gives the memory of the buffer for a frame back to the system until the next one is made. For
  // the time between frames: nghttp2 keeps nothing in it then.
  void forget_frame();

 private:
  struct Piece {
    void* address;
    std::size_t size;
  };
  std::size_t size_of(void* address) const;

  std::vector<Piece> mapped_;  // one or two
  void* frame_ = nullptr;      // the first of all: a session begins with it
  bool has_begun_ = false;
};

}  // namespace scpool::h2
