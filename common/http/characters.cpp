#include "common/http/characters.hpp"

#include <cstring>

#include "common/base/text.hpp"

namespace scpool::http {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

// Not zero when one of a word's characters is below SP or DEL; the borrow of a subtraction shows
// it.
std::uint64_t invisible(const char* characters) {
  std::uint64_t word = 0;
  std::memcpy(&word, characters, kWord);
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x80 * kOnes;
  const std::uint64_t without_delete = word ^ (0x7f * kOnes);
  const std::uint64_t below_space = (word - 0x20 * kOnes) & ~word;
  const std::uint64_t is_delete = (without_delete - kOnes) & ~without_delete;
  return (below_space | is_delete) & kHighBits;
}

// The value as it stands there when no other blank is around it, as everybody writes it.
std::string_view value_behind(std::string_view line, std::size_t colon) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (colon + 2 < line.size() && line[colon + 1] == ' ' && !is_blank(line[colon + 2]) &&
      !is_blank(line.back())) {
    return line.substr(colon + 2);
  }
  return trim(line.substr(colon + 1));
}

}  // namespace

// What is not visible may be a tab. The last word looks at some characters a second time.
bool is_value_text(std::string_view text) {
  std::uint64_t bad = text.size() < kWord ? 1 : 0;
  if (bad == 0) {
    const char* const last = text.data() + (text.size() - kWord);
    for (const char* word = text.data(); word < last; word += kWord) {
      bad |= invisible(word);
    }
    bad |= invisible(last);
  }
  return bad == 0 || all_in_class(text, CharacterClass::Value);
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
  const std::string_view value = value_behind(line, colon);
  if (!is_value_text(value)) {
    return {{}, {}, "a field's value has a control character"};
  }
  return {line.substr(0, colon), value, nullptr};
}

}  // namespace scpool::http
