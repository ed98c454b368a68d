// Memory for objects of one class that come and go with each request: what one leaves serves the
// next one of its thread. Objects of derived classes have the heap's memory.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace scpool {

template <class T>
class Spared {
 public:
  // NOLINTNEXTLINE(misc-new-delete-overloads): the one that takes the size is its match
  static void* operator new(std::size_t size) {
    if (size == sizeof(T) && spares.count > 0) {
      return spares.pieces[--spares.count];
    }
    return ::operator new(size);
  }

  static void operator delete(void* piece, std::size_t size) noexcept {
#ifndef __SANITIZE_ADDRESS__  // there, use of what is gone is to be found
    if (size == sizeof(T) && spares.count < kMostKept && !spares.ended) {
      spares.pieces[spares.count++] = piece;
      return;
    }
#endif
    ::operator delete(piece);  // not by size: clang has that only when asked for it
  }

 protected:
  ~Spared() = default;

 private:
  static constexpr std::size_t kMostKept = 64;

  struct Spares {
    Spares() = default;
    Spares(const Spares&) = delete;
    Spares& operator=(const Spares&) = delete;
    ~Spares() {
      ended = true;
      while (count > 0) {
        ::operator delete(pieces[--count]);
      }
    }

    std::array<void*, kMostKept> pieces;
    std::size_t count = 0;
    bool ended = false;  // of what goes after the thread's spares nothing is kept
  };
  static inline thread_local Spares spares;
};

}  // namespace scpool
