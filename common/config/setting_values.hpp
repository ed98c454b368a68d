// Whether a value fits its setting: types, choices, and what a configuration file may hold. Apart
// from settings, which says where values come from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/settings.hpp"

namespace scpool {

// The value as Settings keeps it ("yes" becomes "true"); the error says what would fit and, unless
// the setting is secret, what was given.
Result<std::string> canonical_value(const SettingSpec& spec, std::string_view text);

// The members of a comma-separated list, trimmed and without empty ones; the text itself when the
// setting takes one value.
std::vector<std::string> split_values(const SettingSpec& spec, std::string_view text);

enum class FileTyping {
  Strict,   // TOML, JSON: numbers and booleans stand without quotes, texts in quotes
  Lenient,  // YAML
};
// Whether the file's value has the right shape.
Result<void> check_file_type(const SettingSpec& spec, const FileEntry& entry, FileTyping typing);

}  // namespace scpool
