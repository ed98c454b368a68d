#include "supervisor/core/program_version.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace scpool::supervisor {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// How many numbers joined by points stand at the beginning of `text`; they go to `numbers`.
std::size_t read_numbers(std::string_view text, std::array<std::uint32_t, 3>& numbers) {
  std::size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (count < numbers.size() && at != end && is_digit(*at)) {
    const auto [next, problem] = std::from_chars(at, end, numbers.at(count));
    if (problem != std::errc{}) {
      return 0;
    }
    ++count;
    const bool goes_on = end - next > 1 && *next == '.' && is_digit(next[1]);
    if (!goes_on) {
      break;
    }
    at = next + 1;
  }
  return count;
}

}  // namespace

std::string ProgramVersion::text() const {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::optional<ProgramVersion> parse_program_version(std::string_view output) {
  for (std::size_t at = 0; at < output.size(); ++at) {
    const bool begins =
        is_digit(output[at]) && (at == 0 || (!is_digit(output[at - 1]) && output[at - 1] != '.'));
    std::array<std::uint32_t, 3> numbers{};
    if (begins && read_numbers(output.substr(at), numbers) >= 2) {
      return ProgramVersion{numbers[0], numbers[1], numbers[2]};
    }
  }
  return std::nullopt;
}

}  // namespace scpool::supervisor
