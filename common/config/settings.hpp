// Effective settings: flag over environment over file over default. Every problem is found in one
// go and names its origin (flag, variable, or file, line and key) and the mend.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/config/flag_table.hpp"

namespace scpool {

// Where a value comes from: "--region", "SAUCE_REGION", "pool.toml:12: pool.size", "default".
struct SettingOrigin {
  enum class Source { Flag, Environment, File, Default };
  Source source = Source::Default;
  std::string text;
};

// One key of a configuration file, flattened: "[pool] size = 3" is "pool.size".
struct FileEntry {
  std::string key;
  std::vector<std::string> values;  // one, or a list's members
  bool is_list = false;
  bool is_text = true;  // false for numbers and booleans
  int line = 0;
};

// TOML, YAML or JSON by extension (YAML otherwise). Tables in arrays flatten to "account[0].name".
// Syntax errors name file, line and what was expected.
Result<std::vector<FileEntry>> read_config_file(const std::string& path);
Result<std::vector<FileEntry>> parse_config_text(const std::string& path, std::string_view text);

struct SettingSources {
  // Flags in command-line order; repeated names are repeated entries. A bare boolean is "true".
  std::vector<std::pair<std::string, std::string>> flags;
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string file;  // empty: none
  // Keys of the file that are not the table's business (they have another reader).
  std::function<bool(std::string_view)> ignore_key;
};

class Settings {
 public:
  // Problems, all of them, in the order flags, environment, file.
  static std::variant<Settings, std::vector<Error>> load(const FlagTable& table,
                                                         const SettingSources& sources);

  bool given(std::string_view name) const;  // anywhere but by default
  const SettingOrigin& origin(std::string_view name) const;
  // Typed access; the name must be in the table with that type (checked). Without a value: "",
  // false, 0, zero, empty list.
  std::string text(std::string_view name) const;
  bool is_on(std::string_view name) const;
  std::uint64_t count(std::string_view name) const;
  Duration duration(std::string_view name) const;
  std::uint64_t size(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;

  // "name: value   # origin", secrets hidden; for /configz and `config show`.
  std::string redacted_text() const;

 private:
  friend class SettingsLoader;
  struct Entry {
    std::vector<std::string> values;
    SettingOrigin origin;
  };
  explicit Settings(FlagTable table) : table_(std::move(table)) {}
  const Entry& entry(std::string_view name, SettingType type) const;

  FlagTable table_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace scpool
