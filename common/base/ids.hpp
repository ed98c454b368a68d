// Identifiers that cannot be mixed up. A Generation never repeats within a pool's state directory.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

namespace scpool {

// An integer with a meaning; ordered and hashable, without arithmetic.
template <class Tag, class Integer>
struct NumberId {
  Integer value = 0;
  friend auto operator<=>(const NumberId&, const NumberId&) = default;
};

// A string with a meaning.
template <class Tag>
struct TextId {
  std::string value;
  bool empty() const { return value.empty(); }
  friend auto operator<=>(const TextId&, const TextId&) = default;
};

using SlotIndex = NumberId<struct SlotTag, std::uint32_t>;
using Generation = NumberId<struct GenerationTag, std::uint64_t>;
using StreamId = NumberId<struct StreamTag, std::int32_t>;

using TunnelId = TextId<struct TunnelTag>;  // 32 lower-case hexadecimal digits
using JobId = TextId<struct JobTag>;        // 32 lower-case hexadecimal digits

// One worker process of a pool, now or in the past.
struct WorkerId {
  SlotIndex slot;
  Generation generation;
  friend auto operator<=>(const WorkerId&, const WorkerId&) = default;
};

}  // namespace scpool

template <class Tag, class Integer>
struct std::hash<scpool::NumberId<Tag, Integer>> {
  std::size_t operator()(const scpool::NumberId<Tag, Integer>& id) const noexcept {
    return std::hash<Integer>{}(id.value);
  }
};

template <class Tag>
struct std::hash<scpool::TextId<Tag>> {
  // Identifiers that are kept are random, and made by us: their last digits tell them apart.
  std::size_t operator()(const scpool::TextId<Tag>& id) const noexcept {
    std::uint64_t last = 0;
    const std::size_t size = std::min(id.value.size(), sizeof last);
    std::memcpy(&last, id.value.data() + id.value.size() - size, size);
    return static_cast<std::size_t>(last * 0x9e3779b97f4a7c15U >> 11U);
  }
};
