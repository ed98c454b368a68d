#include "common/h2/spare_pieces.hpp"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>

namespace scpool::h2 {
namespace {

thread_local bool ended = false;  // the spares are gone: what comes later is the heap's

class SparePieces {
 public:
  SparePieces() = default;
  SparePieces(const SparePieces&) = delete;
  SparePieces& operator=(const SparePieces&) = delete;
  ~SparePieces() {
    for (Spare*& first : first_) {
      while (first != nullptr) {
        ::operator delete(std::exchange(first, first->next));
      }
    }
    ended = true;
  }

  void* take(std::size_t size) {
    const std::size_t place = (std::max(size, kSmallest) - kRest + kStep - 1) / kStep;
    if (place >= kSizes || ended) {
      return ::operator new(size, std::nothrow);
    }
    Spare* const spare = first_[place];
    if (spare == nullptr) {
      return ::operator new(place* kStep + kRest, std::nothrow);
    }
    first_[place] = spare->next;
    --count_[place];
    return spare;
  }

  void give(void* piece) {
#ifndef __SANITIZE_ADDRESS__  // there, use of what was freed is to be found
    const std::size_t place =
        piece == nullptr ? kSizes : (malloc_usable_size(piece) - kRest) / kStep;
    if (place < kSizes && !ended && count_[place] < kMostOfEach) {
      first_[place] = std::construct_at(static_cast<Spare*>(piece), Spare{first_[place]});
      ++count_[place];
      return;
    }
#endif
    ::operator delete(piece);
  }

 private:
  struct Spare {
    Spare* next;
  };
  // The heap's own sizes are 24, 40, 56 and so on.
  static constexpr std::size_t kSizes = 32;
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kRest = 8;
  static constexpr std::size_t kSmallest = kStep + kRest;
  static constexpr std::size_t kMostOfEach = 32;

  std::array<Spare*, kSizes> first_{};
  std::array<std::size_t, kSizes> count_{};
};

thread_local SparePieces spares;

}  // namespace

void* take_piece(std::size_t size) {
  return spares.take(size);
}

void keep_piece(void* piece) {
  spares.give(piece);
}

}  // namespace scpool::h2
