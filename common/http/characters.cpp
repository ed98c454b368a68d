#include "common/http/characters.hpp"

#include "common/base/text.hpp"

namespace scpool::http {

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
  if (!all_in_class(value, CharacterClass::Value)) {
    return {{}, {}, "a field's value has a control character"};
  }
  return {line.substr(0, colon), value, nullptr};
}

}  // namespace scpool::http
