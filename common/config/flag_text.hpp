// Texts made of a FlagTable: the help of a command and shell completion. Knows no command of its
// own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/flag_table.hpp"

namespace scpool {

// One entry per flag, aligned, at most 100 columns: names, value, help, choices, default and
// variable. Settings that are not supported are left out.
std::string help_text(const FlagTable& table);

// A subcommand for completion; `flags` may be null.
struct CompletionCommand {
  std::string name;
  std::string help;
  const FlagTable* flags = nullptr;
  std::vector<std::string> words = {};  // what may stand where no flag does
};

enum class Shell { Bash, Zsh, Fish };

// A script that completes subcommands, flags and choices of `program`.
std::string completion_script(Shell shell,
                              std::string_view program,
                              const std::vector<CompletionCommand>& commands);

}  // namespace scpool
