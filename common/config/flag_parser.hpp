// A command line read with a FlagTable: words in, the flags of SettingSources out. Knows the
// syntax of flags only; whether a value fits is for Settings to say.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/flag_table.hpp"

namespace scpool {

struct ParsedFlags {
  // Long names in the order given; a bare boolean is "true".
  std::vector<std::pair<std::string, std::string>> flags;
  std::vector<std::string> words;  // what is no flag, and everything behind "--"
  bool help = false;               // -h or --help
};

// "--name=value", "--name value", "--bool", "--bool=false", "-n value", "-nvalue", "-n=value" for
// short names; boolean short flags may be joined ("-st"). All problems at once.
std::variant<ParsedFlags, std::vector<Error>> parse_flags(const FlagTable& table,
                                                          const std::vector<std::string>& words);

}  // namespace scpool
