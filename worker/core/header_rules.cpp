#include <algorithm>

#include "common/base/text.hpp"
#include "common/http/message_head.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {
namespace {

// Reference section a.4: [A-Za-z0-9-]+
bool is_rule_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

Result<HeaderRule> named(HeaderRule::Kind kind, std::string_view name, std::string_view value) {
  if (!is_rule_name(name)) {
    return Error(ErrorKind::Invalid,
                 "has a name that is not letters, digits and dashes; rules are \"name: value\", "
                 "\"name;\", \"-name\" and \"-name*\"");
  }
  return HeaderRule{kind, std::string(name), std::string(value)};
}

}  // namespace

Result<HeaderRule> parse_header_rule(const std::string& text) {
  const std::string_view rule = trim(text);
  const std::size_t colon = rule.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view value = trim(rule.substr(colon + 1));
    if (value.empty()) {
      return Error(ErrorKind::Invalid, "has no value behind the colon; \"name;\" sets it empty");
    }
    if (!is_field_value(value)) {
      return Error(ErrorKind::Invalid, "has a value with control characters");
    }
    return named(HeaderRule::Kind::Add, trim(rule.substr(0, colon)), value);
  }
  if (rule.ends_with(';')) {
    return named(HeaderRule::Kind::SetEmpty, rule.substr(0, rule.size() - 1), "");
  }
  if (!rule.starts_with('-')) {
    return Error(ErrorKind::Invalid,
                 "must be \"name: value\", \"name;\", \"-name\" or \"-name*\"; a comma in a value "
                 "begins the next rule, except in a list of a configuration file");
  }
  if (rule.ends_with('*')) {
    return named(HeaderRule::Kind::RemovePrefix, rule.substr(1, rule.size() - 2), "");
  }
  return named(HeaderRule::Kind::Remove, rule.substr(1), "");
}

void apply_header_rules(const std::vector<HeaderRule>& rules, Fields& fields) {
  for (const HeaderRule& rule : rules) {
    switch (rule.kind) {
      case HeaderRule::Kind::Add:
        fields.add(rule.name, rule.value);
        break;
      case HeaderRule::Kind::SetEmpty:
        fields.set(rule.name, "");
        break;
      case HeaderRule::Kind::Remove:
        fields.remove(rule.name);
        break;
      case HeaderRule::Kind::RemovePrefix:
        fields.remove_if(
            [&rule](const Field& field) { return starts_ignoring_case(field.name, rule.name); });
        break;
    }
  }
}

}  // namespace scpool::worker
