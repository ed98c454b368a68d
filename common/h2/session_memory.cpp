#include "common/h2/session_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "common/h2/spare_pieces.hpp"

namespace scpool::h2 {
namespace {

// The buffer for a frame; everything else of nghttp2's is a quarter of it at most.
constexpr std::size_t kOwnPages = 16 * 1024;
constexpr std::uintptr_t kPageSize = 4096;  // what others have is a multiple

bool may_be_mapped(void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % kPageSize == 0;
}

}  // namespace

std::size_t SessionMemory::mapped_bytes() const {
  std::size_t total = 0;
  for (const Piece& piece : mapped_) {
    total += piece.size;
  }
  return total;
}

void* SessionMemory::allocate(std::size_t size) {
  if (size < kOwnPages) {
    return take_piece(size);
  }
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    return nullptr;
  }
  madvise(address, size, MADV_NOHUGEPAGE);  // else a neighbour's page may bring all of them
  mapped_.push_back({address, size});
  if (!std::exchange(has_begun_, true)) {
    frame_ = address;
  }
  return address;
}

void* SessionMemory::allocate_zeroed(std::size_t count, std::size_t size) {
  if (size != 0 && count > SIZE_MAX / size) {
    return nullptr;
  }
  void* address = allocate(count * size);
  return address == nullptr ? nullptr : std::memset(address, 0, count * size);
}

void* SessionMemory::resize(void* address, std::size_t size) {
  void* other = allocate(size);
  if (other != nullptr && address != nullptr) {
    std::memcpy(other, address, std::min(size, size_of(address)));
    release(address);
  }
  return other;
}

void SessionMemory::release(void* address) {
  if (!may_be_mapped(address)) {
    keep_piece(address);
    return;
  }
  const auto found = std::find_if(mapped_.begin(), mapped_.end(), [address](const Piece& piece) {
    return piece.address == address;
  });
  if (found == mapped_.end()) {
    ::operator delete(address);
    return;
  }
  frame_ = address == frame_ ? nullptr : frame_;
  munmap(found->address, found->size);
  mapped_.erase(found);
}

void SessionMemory::forget_frame() {
  if (frame_ != nullptr) {
    madvise(frame_, size_of(frame_), MADV_DONTNEED);
  }
}

std::size_t SessionMemory::size_of(void* address) const {
  for (const Piece& piece : mapped_) {
    if (piece.address == address) {
      return piece.size;
    }
  }
  return malloc_usable_size(address);
}

}  // namespace scpool::h2
