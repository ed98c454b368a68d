// A program's version as its own output tells it. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scpool::supervisor {

struct ProgramVersion {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t patch = 0;
  friend auto operator<=>(const ProgramVersion&, const ProgramVersion&) = default;
  std::string text() const;  // "5.2.1"
};

// The first number with a point in what a program prints for its version: "Version: 5.2.1",
// "Sauce Connect 4.9.2, build 5 …". Nothing: there is none.
std::optional<ProgramVersion> parse_program_version(std::string_view output);

}  // namespace scpool::supervisor
