// `sc-server run`: the effective configuration, the log, the signals, and the server's life between
// them. (Not in the first layout: command_line would outgrow its bounds.)
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/config/flag_parser.hpp"
#include "server/embedded.hpp"

namespace scpool::server {

struct RunWish {
  ServerConfig config;
  std::string config_file;  // empty: none; read again at HUP
  std::vector<std::pair<std::string, std::string>> flags;
  std::optional<EmbeddedWish> embedded;
  enum class Parent { Ignored, EndWith } parent = Parent::Ignored;
};

// The flags of `run` and `config`: the settings with dashes, and what only a command line has.
FlagTable run_flag_table();
// All problems at once.
std::variant<RunWish, std::vector<Error>> read_run_wish(const ParsedFlags& parsed);
// The effective settings, for `config show`.
std::variant<std::string, std::vector<Error>> effective_settings(const ParsedFlags& parsed);

int run_server(const RunWish& wish);

}  // namespace scpool::server
