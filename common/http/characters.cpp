#include "common/http/characters.hpp"

#include <algorithm>
#include <cstring>

#include "common/base/text.hpp"

namespace scpool::http {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

// Whether none of a word's characters is below SP or DEL; the borrow of a subtraction shows one
// that is.
bool all_visible(std::string_view characters) {
  std::uint64_t word = 0;
  std::memcpy(&word, characters.data(), kWord);
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x80 * kOnes;
  const std::uint64_t without_delete = word ^ (0x7f * kOnes);
  const std::uint64_t below_space = (word - 0x20 * kOnes) & ~word;
  const std::uint64_t is_delete = (without_delete - kOnes) & ~without_delete;
  return ((below_space | is_delete) & kHighBits) == 0;
}

}  // namespace

// What is not visible may be a tab. The last word looks at some characters a second time.
bool is_value_text(std::string_view text) {
  if (text.size() < kWord) {
    return all_in_class(text, CharacterClass::Value);
  }
  for (std::size_t at = 0; at < text.size(); at += kWord) {
    const std::string_view word = text.substr(std::min(at, text.size() - kWord), kWord);
    if (!all_visible(word) && !all_in_class(word, CharacterClass::Value)) {
      return false;
    }
  }
  return true;
}

FieldLine parse_field_line(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return {{}, {}, "a field line begins with a blank (line folding is not accepted)"};
  }
  const std::size_t colon = first_outside(line, CharacterClass::Token);
  if (colon == line.size()) {
    return {{}, {}, "a field line has no colon"};
  }
  if (line[colon] != ':') {
    const bool blank = line[colon] == ' ' || line[colon] == '\t';
    return {{},
            {},
            blank ? "a blank stands in a field's name or before its colon"
                  : "a field's name has a character that is not allowed"};
  }
  if (colon == 0) {
    return {{}, {}, "a field has no name"};
  }
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_value_text(value)) {
    return {{}, {}, "a field's value has a control character"};
  }
  return {line.substr(0, colon), value, nullptr};
}

}  // namespace scpool::http
