#include "common/config/flag_table.hpp"

#include <algorithm>

#include "common/base/check.hpp"
#include "common/base/text.hpp"

namespace scpool {

FlagTable::FlagTable(std::string environment_prefix, std::vector<SettingSpec> specs)
    : environment_prefix_(std::move(environment_prefix)), specs_(std::move(specs)) {
  for (const SettingSpec& spec : specs_) {
    SCPOOL_CHECK(find(spec.name) == &spec);  // a name stands for one setting
    SCPOOL_CHECK((spec.type == SettingType::Choice) == !spec.choices.empty());
  }
}

const SettingSpec* FlagTable::find(std::string_view name) const {
  const auto found = std::find_if(
      specs_.begin(), specs_.end(), [name](const SettingSpec& spec) { return spec.name == name; });
  return found == specs_.end() ? nullptr : &*found;
}

const SettingSpec* FlagTable::find_short(char name) const {
  if (name == '\0') {
    return nullptr;
  }
  const auto found = std::find_if(specs_.begin(), specs_.end(), [name](const SettingSpec& spec) {
    return spec.short_name == name;
  });
  return found == specs_.end() ? nullptr : &*found;
}

std::string FlagTable::environment_name(const SettingSpec& spec) const {
  if (!spec.environment.empty() || environment_prefix_.empty()) {
    return spec.environment;
  }
  std::string name = environment_prefix_;
  for (const char c : spec.name) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '-' || c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::optional<std::string> FlagTable::suggestion(std::string_view name) const {
  std::vector<std::string> names;
  for (const SettingSpec& spec : specs_) {
    if (spec.not_supported.empty()) {
      names.push_back(spec.name);
    }
  }
  return closest_match(name, names);
}

}  // namespace scpool
