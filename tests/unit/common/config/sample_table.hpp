// A table with a setting of every kind, for the tests of this folder.
#pragma once

#include "common/config/flag_table.hpp"

namespace scpool {

inline FlagTable sample_table() {
  const auto spec = [](std::string name, char short_name, SettingType type, std::string value) {
    SettingSpec made;
    made.name = std::move(name);
    made.short_name = short_name;
    made.type = type;
    made.default_text = std::move(value);
    made.help = "What " + made.name + " is for.";
    return made;
  };
  std::vector<SettingSpec> specs = {
      spec("username", 'u', SettingType::Text, ""),
      spec("access-key", 'k', SettingType::Text, ""),
      spec("tunnel-pool", 't', SettingType::Bool, "false"),
      spec("shared", 's', SettingType::Bool, ""),
      spec("tunnel-connections", '\0', SettingType::Count, "4"),
      spec("http-dial-timeout", '\0', SettingType::Duration, "25s"),
      spec("max-body", '\0', SettingType::Size, "1M"),
      spec("log-level", '\0', SettingType::Choice, "info"),
      spec("deny-domains", 'F', SettingType::Text, ""),
      spec("pool.size", '\0', SettingType::Count, "3"),
      spec("pac", 'p', SettingType::Text, ""),
  };
  specs[1].secret = true;
  specs[7].choices = {"error", "info", "debug"};
  specs[8].repeatable = true;
  specs[10].not_supported = "not supported yet";
  return FlagTable("SAUCE_", std::move(specs));
}

}  // namespace scpool
