// The dictionaries of RFC 8941 that the upgrade uses: integers, strings, tokens, inner lists of
// tokens and bare keys; no parameters. Apart from handshake because parsing hostile bytes is a
// task of its own, fuzzed alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scpool {

struct StructuredValue {
  enum class Kind { Integer, Text, Token, List, True };
  Kind kind = Kind::True;
  std::uint64_t number = 0;           // Integer; at most 15 digits, never negative
  std::string text;                   // Text, Token
  std::vector<std::string> elements;  // List
};

class StructuredDictionary {
 public:
  // Nothing when anything is malformed, a key comes twice, or the text is larger than `max_size`.
  static std::optional<StructuredDictionary> parse(std::string_view text, std::size_t max_size);

  const StructuredValue* find(std::string_view key) const;
  // The value when it is there with that type.
  std::optional<std::uint64_t> integer(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::vector<std::string>> list(std::string_view key) const;

 private:
  std::vector<std::pair<std::string, StructuredValue>> members_;
};

// A string in quotes, `"` and `\` escaped; characters outside of printable ASCII become '?'.
std::string structured_string(std::string_view text);

}  // namespace scpool
