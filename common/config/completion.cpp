#include <algorithm>

#include "common/base/text.hpp"
#include "common/config/flag_text.hpp"

namespace scpool {
namespace {

std::string function_name(std::string_view program) {
  std::string name = "_" + std::string(program);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::vector<const SettingSpec*> supported(const CompletionCommand& command) {
  std::vector<const SettingSpec*> specs;
  if (command.flags != nullptr) {
    for (const SettingSpec& spec : command.flags->specs()) {
      if (spec.not_supported.empty() && !spec.help.empty()) {
        specs.push_back(&spec);
      }
    }
  }
  return specs;
}

std::string names(const std::vector<CompletionCommand>& commands) {
  std::vector<std::string> list;
  for (const CompletionCommand& command : commands) {
    list.push_back(command.name);
  }
  return join(list, " ");
}

// In single quotes, for every shell here.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

std::string bash_command(const CompletionCommand& command) {
  std::string values;
  std::string flags;
  for (const SettingSpec* spec : supported(command)) {
    flags += (flags.empty() ? "--" : " --") + spec->name;
    const std::string pattern =
        "--" + spec->name + (spec->short_name == '\0' ? "" : std::string("|-") + spec->short_name);
    if (!spec->choices.empty()) {
      values += "        " + pattern + ") COMPREPLY=($(compgen -W " +
                quoted(join(spec->choices, " ")) + " -- \"$current\")); return ;;\n";
    } else if (spec->type != SettingType::Bool) {
      values += "        " + pattern + ") return ;;\n";
    }
  }
  std::string text = "    " + command.name + ")\n";
  if (!values.empty()) {
    text += "      case \"$previous\" in\n" + values + "      esac\n";
  }
  if (!command.words.empty()) {
    text += "      if [ \"${current#-}\" = \"$current\" ]; then COMPREPLY=($(compgen -W " +
            quoted(join(command.words, " ")) + " -- \"$current\")); return; fi\n";
  }
  return text + "      COMPREPLY=($(compgen -W " + quoted(flags) + " -- \"$current\")) ;;\n";
}

std::string bash_script(std::string_view program, const std::vector<CompletionCommand>& commands) {
  const std::string function = function_name(program);
  std::string text = function +
                     "() {\n"
                     "  local current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
                     "  local previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                     "  COMPREPLY=()\n"
                     "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "    COMPREPLY=($(compgen -W " +
                     quoted(names(commands)) +
                     " -- \"$current\"))\n"
                     "    return\n"
                     "  fi\n"
                     "  case \"${COMP_WORDS[1]}\" in\n";
  for (const CompletionCommand& command : commands) {
    if (command.flags != nullptr) {
      text += bash_command(command);
    }
  }
  return text + "  esac\n}\ncomplete -o default -F " + function + " " + std::string(program) + "\n";
}

std::string zsh_escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string zsh_flag(const SettingSpec& spec) {
  const std::string help = "[" + zsh_escaped(spec.help, "[]:\\") + "]";
  std::string value;
  if (!spec.choices.empty()) {
    value = ":value:(" + join(spec.choices, " ") + ")";
  } else if (spec.type != SettingType::Bool) {
    value = ":value:_files";
  }
  const std::string repeat = spec.repeatable ? "*" : "";
  // A value may follow as the next word or behind "=".
  const std::string long_name = "--" + spec.name + (value.empty() ? "" : "=");
  std::string text = "        " + quoted(repeat + long_name + help + value) + " \\\n";
  if (spec.short_name != '\0') {
    text += "        " + quoted(repeat + "-" + spec.short_name + help + value) + " \\\n";
  }
  return text;
}

std::string zsh_script(std::string_view program, const std::vector<CompletionCommand>& commands) {
  const std::string function = function_name(program);
  std::string text = "#compdef " + std::string(program) + "\n" + function +
                     "() {\n  local -a commands\n  commands=(\n";
  for (const CompletionCommand& command : commands) {
    text += "    " + quoted(command.name + ":" + zsh_escaped(command.help, ":\\")) + "\n";
  }
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  case \"${words[2]}\" in\n";
  for (const CompletionCommand& command : commands) {
    const auto specs = supported(command);
    if (specs.empty()) {
      continue;
    }
    text += "    " + command.name + ")\n      _arguments -s \\\n";
    for (const SettingSpec* spec : specs) {
      text += zsh_flag(*spec);
    }
    text += command.words.empty() ? "        '*:file:_files' ;;\n"
                                  : "        '1:word:(" + join(command.words, " ") + ")' ;;\n";
  }
  return text + "  esac\n}\ncompdef " + function + " " + std::string(program) + "\n";
}

std::string fish_flag(const std::string& prefix, const SettingSpec& spec) {
  std::string text = prefix + " -l " + spec.name;
  if (spec.short_name != '\0') {
    text += std::string(" -s ") + spec.short_name;
  }
  if (!spec.choices.empty()) {
    text += " -x -a " + quoted(join(spec.choices, " "));
  } else if (spec.type != SettingType::Bool) {
    text += " -r";
  }
  // fish writes a quote inside single quotes as \' and nothing else needs care but the backslash.
  return text + " -d '" + zsh_escaped(spec.help, "'\\") + "'\n";
}

std::string fish_script(std::string_view program, const std::vector<CompletionCommand>& commands) {
  const std::string start = "complete -c " + std::string(program);
  std::string text = start + " -f\n";
  for (const CompletionCommand& command : commands) {
    text += start + " -n __fish_use_subcommand -a " + command.name + " -d '" +
            zsh_escaped(command.help, "'\\") + "'\n";
  }
  for (const CompletionCommand& command : commands) {
    const std::string prefix = start + " -n '__fish_seen_subcommand_from " + command.name + "'";
    if (!command.words.empty()) {
      text += prefix + " -a " + quoted(join(command.words, " ")) + "\n";
    }
    for (const SettingSpec* spec : supported(command)) {
      text += fish_flag(prefix, *spec);
    }
  }
  return text;
}

}  // namespace

std::string completion_script(Shell shell,
                              std::string_view program,
                              const std::vector<CompletionCommand>& commands) {
  switch (shell) {
    case Shell::Bash:
      return bash_script(program, commands);
    case Shell::Zsh:
      return zsh_script(program, commands);
    case Shell::Fish:
      return fish_script(program, commands);
  }
  return "";
}

}  // namespace scpool
