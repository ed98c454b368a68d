// JSON read from text and written to it. In one place, because the parser and the printer are
// templates: a source that used them itself took twice as long to compile.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace scpool {

// Discarded, thus of no type, when the text is not JSON.
nlohmann::json parse_json(std::string_view text);

// On one line unless indented. Invalid UTF-8 is replaced, never thrown about.
std::string json_text(const nlohmann::json& value, int indent = -1);
std::string ascii_json_text(const nlohmann::json& value);

}  // namespace scpool
