// Settings as data: name, environment variable, type, default, secrecy. One table drives the
// command line, the environment, the configuration file, the help text and what is shown redacted.
// A setting's name is its long flag ("tunnel-name") or its dotted key in a file ("pool.size").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scpool {

// g++ 12 takes a scoped enumerator for a shadow of the type of the same name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
enum class SettingType { Text, Bool, Count, Duration, Size, Choice };
#pragma GCC diagnostic pop

struct SettingSpec {
  std::string name;
  char short_name = '\0';
  SettingType type = SettingType::Text;
  bool repeatable = false;           // comma-separated, given several times, or a list in a file
  bool secret = false;               // shown as "***"
  std::string default_text;          // as it would be written; empty: none
  std::string help;                  // one sentence; empty: not shown
  std::vector<std::string> choices;  // with Choice
  // Empty: the table's prefix and the name in upper case, '-' and '.' as '_'; with an empty prefix
  // there is no variable.
  std::string environment;
  // Not empty: given at all, it is refused: "--pac is NOT_SUPPORTED".
  std::string not_supported;
};

class FlagTable {
 public:
  FlagTable(std::string environment_prefix, std::vector<SettingSpec> specs);

  const SettingSpec* find(std::string_view name) const;
  const SettingSpec* find_short(char name) const;
  const std::vector<SettingSpec>& specs() const { return specs_; }
  std::string environment_name(const SettingSpec& spec) const;
  // The name that was probably meant.
  std::optional<std::string> suggestion(std::string_view name) const;

 private:
  std::string environment_prefix_;
  std::vector<SettingSpec> specs_;
};

}  // namespace scpool
