// What both halves of the upgrade ask of header fields. Extra to the layout because handshake.cpp
// (the request) and handshake_answer.cpp share it. For these sources only.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "common/base/text.hpp"
#include "common/http/fields.hpp"

namespace scpool {

inline constexpr std::size_t kMaxUpgradeField = 2048;
inline constexpr std::size_t kMaxSessionName = 128;

// The value of a field that must stand there exactly once.
inline std::optional<std::string_view> single(const Fields& fields, std::string_view name) {
  if (fields.count(name) != 1) {
    return std::nullopt;
  }
  return fields.find(name);
}

}  // namespace scpool
