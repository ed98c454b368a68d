// Bytes that lie in several places and go together, as a gathered write takes them.
#pragma once

#include "common/base/bytes.hpp"

namespace scpool {

// Memory in several places that is to be filled, first to last.
using Room = std::span<const std::span<std::uint8_t>>;

// Of a message's body; with what frames them they still go in one system call.
inline constexpr std::size_t kMaxBodyParts = 16;

inline std::size_t total_size(std::span<const ByteView> parts) {
  std::size_t total = 0;
  for (const ByteView part : parts) {
    total += part.size();
  }
  return total;
}

inline std::size_t total_size(Room room) {
  std::size_t total = 0;
  for (const std::span<std::uint8_t> part : room) {
    total += part.size();
  }
  return total;
}

}  // namespace scpool
