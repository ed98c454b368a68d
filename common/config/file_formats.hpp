// The parsers behind read_config_file, one source file for each library, so that toml++ and
// yaml-cpp are compiled once. They know files, not settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/settings.hpp"

namespace scpool {

// Bounds against files that are no configuration; also against YAML aliases that multiply.
inline constexpr int kMaxConfigDepth = 32;
inline constexpr std::size_t kMaxConfigEntries = 10'000;

// Entries in the order of their lines. Errors begin with "PATH:LINE: ".
Result<std::vector<FileEntry>> parse_toml(const std::string& path, std::string_view text);
// Also reads JSON, which is YAML in flow style.
Result<std::vector<FileEntry>> parse_yaml(const std::string& path, std::string_view text);

}  // namespace scpool
