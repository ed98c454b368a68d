#include "common/config/setting_values.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool {
namespace {

Error unfit(const SettingSpec& spec, std::string_view text, const std::string& expected) {
  const std::string given = spec.secret ? "" : ", not '" + std::string(text) + "'";
  return {ErrorKind::Invalid, "must be " + expected + given};
}

Result<std::string> canonical_bool(const SettingSpec& spec, std::string_view text) {
  const std::string lower = to_lower(text);
  if (lower == "true" || lower == "1" || lower == "yes") {
    return std::string("true");
  }
  if (lower == "false" || lower == "0" || lower == "no") {
    return std::string("false");
  }
  return unfit(spec, text, "true or false");
}

Result<std::string> canonical_choice(const SettingSpec& spec, std::string_view text) {
  for (const std::string& choice : spec.choices) {
    if (equals_ignoring_case(choice, text)) {
      return choice;
    }
  }
  const std::string expected = spec.choices.size() == 1 ? "'" + spec.choices.front() + "'"
                                                        : "one of " + join(spec.choices, ", ");
  Error error = unfit(spec, text, expected);
  if (const auto meant = closest_match(to_lower(text), spec.choices); meant && !spec.secret) {
    return Error(error.kind(), error.sentence() + ": did you mean " + *meant + "?");
  }
  return error;
}

std::string type_in_words(const SettingSpec& spec) {
  switch (spec.type) {
    case SettingType::Text:
      return "a text in quotes";
    case SettingType::Bool:
      return "true or false without quotes";
    case SettingType::Count:
      return "a number without quotes";
    case SettingType::Duration:
      return "a duration in quotes, such as \"30s\"";
    case SettingType::Size:
      return "a size such as 1048576 or \"1M\"";
    case SettingType::Choice:
      return "one of " + join(spec.choices, ", ") + ", in quotes";
  }
  return "";
}

}  // namespace

Result<std::string> canonical_value(const SettingSpec& spec, std::string_view text) {
  switch (spec.type) {
    case SettingType::Text:
      if (text.find('\0') != std::string_view::npos) {
        return Error(ErrorKind::Invalid, "must not contain a zero byte");
      }
      return std::string(text);
    case SettingType::Bool:
      return canonical_bool(spec, text);
    case SettingType::Count:
      if (!parse_number(text)) {
        return unfit(spec, text, "a whole number, 0 or more");
      }
      return std::string(text);
    case SettingType::Duration:
      if (!parse_duration(text)) {
        return unfit(spec, text, "a duration such as 500ms, 30s or 1h30m");
      }
      return std::string(text);
    case SettingType::Size:
      if (!parse_size(text)) {
        return unfit(spec, text, "a size such as 4096, 64K, 10M or 1G");
      }
      return std::string(text);
    case SettingType::Choice:
      return canonical_choice(spec, text);
  }
  return std::string(text);
}

std::vector<std::string> split_values(const SettingSpec& spec, std::string_view text) {
  if (!spec.repeatable) {
    return {std::string(text)};
  }
  std::vector<std::string> values;
  for (const std::string_view part : split(text, ',')) {
    if (const std::string_view trimmed = trim(part); !trimmed.empty()) {
      values.emplace_back(trimmed);
    }
  }
  return values;
}

Result<void> check_file_type(const SettingSpec& spec, const FileEntry& entry, FileTyping typing) {
  if (entry.is_list && !spec.repeatable) {
    return Error(ErrorKind::Invalid, "must be one value, not a list");
  }
  if (typing == FileTyping::Lenient || entry.values.empty()) {
    return {};
  }
  const bool text_wanted = spec.type == SettingType::Text || spec.type == SettingType::Choice ||
                           spec.type == SettingType::Duration;
  const bool text_refused = spec.type == SettingType::Bool || spec.type == SettingType::Count;
  if ((text_wanted && !entry.is_text) || (text_refused && entry.is_text)) {
    return Error(ErrorKind::Invalid, "must be " + type_in_words(spec));
  }
  return {};
}

}  // namespace scpool
