// Character classes of HTTP/1 and the one grammar of a field line, shared by heads and trailers.
// A file of its own because both parsers must refuse exactly the same lines (RFC 9110 section 5).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace scpool::http {

enum class CharacterClass : std::uint8_t {
  Token = 1,        // tchar, RFC 9110 section 5.6.2
  Value = 2,        // VCHAR, obs-text, SP, HTAB, RFC 9110 section 5.5
  Target = 4,       // visible ASCII but "#": what may stand in a request target
  Host = 8,         // letters, digits, "-", ".", "_": names DNS can know
  LowerToken = 16,  // tchar without capitals: field names of HTTP/2, RFC 9113 section 8.2.1
};

constexpr std::array<std::uint8_t, 256> make_character_classes() {
  constexpr std::string_view kTokenPunctuation = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostPunctuation = "-._";
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const bool alphanumeric =
        (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z');
    const auto in = [i](std::string_view set) {
      return i < 128 && set.find(static_cast<char>(i)) != std::string_view::npos;
    };
    const auto put = [&classes, i](bool holds, CharacterClass which) {
      classes[i] =
          static_cast<std::uint8_t>(classes[i] | (holds ? static_cast<unsigned>(which) : 0U));
    };
    put(alphanumeric || in(kTokenPunctuation), CharacterClass::Token);
    put((alphanumeric && (i < 'A' || i > 'Z')) || in(kTokenPunctuation),
        CharacterClass::LowerToken);
    put(i == '\t' || (i >= 0x20 && i != 0x7f), CharacterClass::Value);
    put(i > 0x20 && i < 0x7f && i != '#', CharacterClass::Target);
    put(alphanumeric || in(kHostPunctuation), CharacterClass::Host);
  }
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kCharacterClasses = make_character_classes();

inline bool is_in_class(char c, CharacterClass wanted) {
  return (kCharacterClasses[static_cast<std::uint8_t>(c)] & static_cast<unsigned>(wanted)) != 0;
}

// Index of the first character that is not of the class; size() when all are.
inline std::size_t first_outside(std::string_view text, CharacterClass wanted) {
  const auto class_of = [text](std::size_t i) {
    return kCharacterClasses[static_cast<std::uint8_t>(text[i])];
  };
  std::size_t i = 0;
  while (i + 4 <= text.size() && (class_of(i) & class_of(i + 1) & class_of(i + 2) &
                                  class_of(i + 3) & static_cast<unsigned>(wanted)) != 0) {
    i += 4;
  }
  while (i < text.size() && is_in_class(text[i], wanted)) {
    ++i;
  }
  return i;
}

inline bool all_in_class(std::string_view text, CharacterClass wanted) {
  return first_outside(text, wanted) == text.size();
}

// The same as all_in_class(text, Value), eight characters at a time.
bool is_value_text(std::string_view text);

// One field line without its CRLF. `problem` is null when name and value are good; both are parts
// of the line, the value without blanks at its ends.
struct FieldLine {
  std::string_view name;
  std::string_view value;
  const char* problem = nullptr;
};
FieldLine parse_field_line(std::string_view line);

}  // namespace scpool::http
