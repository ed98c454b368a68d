#include "common/config/flag_text.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kTextColumn = 38;

std::string value_name(const SettingSpec& spec) {
  std::string name;
  switch (spec.type) {
    case SettingType::Bool:
      return "";
    case SettingType::Text:
      name = "TEXT";
      break;
    case SettingType::Count:
      name = "NUMBER";
      break;
    case SettingType::Duration:
      name = "DURATION";
      break;
    case SettingType::Size:
      name = "SIZE";
      break;
    case SettingType::Choice:
      name = "CHOICE";
      break;
  }
  return " " + name + (spec.repeatable ? ",..." : "");
}

// Everything to the right: the sentence, then what can be looked up.
std::string description(const FlagTable& table, const SettingSpec& spec) {
  std::string text = spec.help;
  if (!text.empty() && !text.ends_with('.')) {
    text += '.';
  }
  if (!spec.choices.empty()) {
    text += " Choices: " + join(spec.choices, ", ") + ".";
  }
  if (!spec.default_text.empty()) {
    text += " Default: " + spec.default_text + ".";
  }
  const std::string variable = table.environment_name(spec);
  return variable.empty() ? text : text + " [" + variable + "]";
}

// Appends the words of `text`, filled into the columns right of kTextColumn.
void append_filled(std::string& out, std::string_view text) {
  std::size_t column = kTextColumn;
  bool first = true;
  for (const std::string_view word : split(text, ' ')) {
    if (!first && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(kTextColumn, ' ');
      column = kTextColumn;
      first = true;
    }
    if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  out += '\n';
}

}  // namespace

std::string help_text(const FlagTable& table) {
  std::string text;
  for (const SettingSpec& spec : table.specs()) {
    if (!spec.not_supported.empty() || spec.help.empty()) {
      continue;
    }
    std::string left =
        spec.short_name == '\0' ? "      " : std::string("  -") + spec.short_name + ", ";
    left += "--" + spec.name + value_name(spec);
    if (left.size() + 2 > kTextColumn) {
      text += left + "\n" + std::string(kTextColumn, ' ');
    } else {
      text += left + std::string(kTextColumn - left.size(), ' ');
    }
    append_filled(text, description(table, spec));
  }
  return text;
}

}  // namespace scpool
