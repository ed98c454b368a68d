#include "common/config/settings.hpp"

#include <algorithm>

#include "common/base/check.hpp"
#include "common/base/text.hpp"
#include "common/config/setting_values.hpp"

namespace scpool {
namespace {

using Source = SettingOrigin::Source;

std::string file_origin(const std::string& file, const FileEntry& entry) {
  return file + ":" + std::to_string(entry.line) + ": " + entry.key;
}

FileTyping typing_of(const std::string& file) {
  return file.ends_with(".toml") || file.ends_with(".json") ? FileTyping::Strict
                                                            : FileTyping::Lenient;
}

}  // namespace

// Reads the sources from the weakest to the strongest word and collects what is wrong with each.
class SettingsLoader {
 public:
  SettingsLoader(const FlagTable& table, const SettingSources& sources)
      : sources_(sources), settings_(table), table_(settings_.table_) {}

  std::variant<Settings, std::vector<Error>> load() {
    take_defaults();
    take_file();
    take_environment();
    take_flags();
    // People look at the command line first.
    std::vector<Error> problems = std::move(flag_problems_);
    problems.insert(problems.end(), environment_problems_.begin(), environment_problems_.end());
    problems.insert(problems.end(), file_problems_.begin(), file_problems_.end());
    if (!problems.empty()) {
      return problems;
    }
    return std::move(settings_);
  }

 private:
  void take_defaults();
  void take_flags();
  void take_environment();
  void take_file();
  void take_file_entry(const FileEntry& entry);
  // Checks and keeps `raw`; says what is wrong.
  void take(const SettingSpec& spec,
            const std::vector<std::string>& raw,
            SettingOrigin origin,
            std::vector<Error>& problems);

  const SettingSources& sources_;
  Settings settings_;
  const FlagTable& table_;
  std::vector<Error> flag_problems_;
  std::vector<Error> environment_problems_;
  std::vector<Error> file_problems_;
};

void SettingsLoader::take(const SettingSpec& spec,
                          const std::vector<std::string>& raw,
                          SettingOrigin origin,
                          std::vector<Error>& problems) {
  if (!spec.not_supported.empty()) {
    problems.emplace_back(ErrorKind::Invalid, origin.text + " is " + spec.not_supported);
    return;
  }
  std::vector<std::string> values;
  for (const std::string& text : raw) {
    auto value = canonical_value(spec, text);
    if (!value) {
      problems.push_back(value.error().within(origin.text));
      return;
    }
    values.push_back(std::move(value).value());
  }
  settings_.entries_[spec.name] = {std::move(values), std::move(origin)};
}

void SettingsLoader::take_defaults() {
  for (const SettingSpec& spec : table_.specs()) {
    Settings::Entry& entry = settings_.entries_[spec.name];
    entry.origin = {Source::Default, "default"};
    if (!spec.default_text.empty()) {
      for (const std::string& text : split_values(spec, spec.default_text)) {
        auto value = canonical_value(spec, text);
        SCPOOL_CHECK(value.ok());  // the table is ours
        entry.values.push_back(std::move(value).value());
      }
    }
  }
}

void SettingsLoader::take_flags() {
  std::map<std::string, std::vector<std::string>> collected;
  std::vector<const SettingSpec*> order;
  for (const auto& [name, value] : sources_.flags) {
    const SettingSpec* spec = table_.find(name);
    if (spec == nullptr) {
      const auto meant = table_.suggestion(name);
      flag_problems_.emplace_back(
          ErrorKind::Invalid,
          "unknown flag --" + name + (meant ? ": did you mean --" + *meant + "?" : ""));
      continue;
    }
    std::vector<std::string>& values = collected[name];
    if (std::find(order.begin(), order.end(), spec) == order.end()) {
      order.push_back(spec);
    } else if (!spec->repeatable) {
      values.clear();  // the last one counts
    }
    const auto more = split_values(*spec, value);
    values.insert(values.end(), more.begin(), more.end());
  }
  for (const SettingSpec* spec : order) {
    take(*spec, collected[spec->name], {Source::Flag, "--" + spec->name}, flag_problems_);
  }
}

void SettingsLoader::take_environment() {
  if (!sources_.environment) {
    return;
  }
  for (const SettingSpec& spec : table_.specs()) {
    const std::string variable = table_.environment_name(spec);
    const auto value = variable.empty() ? std::nullopt : sources_.environment(variable);
    // An empty variable is how containers and unit files leave a setting out.
    if (value && !value->empty()) {
      take(
          spec, split_values(spec, *value), {Source::Environment, variable}, environment_problems_);
    }
  }
}

void SettingsLoader::take_file() {
  if (sources_.file.empty()) {
    return;
  }
  const auto entries = read_config_file(sources_.file);
  if (!entries) {
    file_problems_.push_back(entries.error());
    return;
  }
  std::map<std::string, int> lines;
  for (const FileEntry& entry : entries.value()) {
    if (sources_.ignore_key && sources_.ignore_key(entry.key)) {
      continue;
    }
    const auto [first, is_new] = lines.emplace(entry.key, entry.line);
    if (is_new) {
      take_file_entry(entry);
    } else {
      file_problems_.emplace_back(ErrorKind::Invalid,
                                  file_origin(sources_.file, entry) + " was given in line " +
                                      std::to_string(first->second) + " already");
    }
  }
}

void SettingsLoader::take_file_entry(const FileEntry& entry) {
  const std::string origin = file_origin(sources_.file, entry);
  const SettingSpec* spec = table_.find(entry.key);
  if (spec == nullptr) {
    const auto meant = table_.suggestion(entry.key);
    file_problems_.emplace_back(ErrorKind::Invalid,
                                sources_.file + ":" + std::to_string(entry.line) +
                                    ": unknown key " + entry.key +
                                    (meant ? ": did you mean " + *meant + "?" : ""));
    return;
  }
  if (spec->not_supported.empty()) {
    if (auto fits = check_file_type(*spec, entry, typing_of(sources_.file)); !fits) {
      file_problems_.push_back(fits.error().within(origin));
      return;
    }
  }
  take(*spec,
       entry.is_list ? entry.values : split_values(*spec, entry.values.front()),
       {Source::File, origin},
       file_problems_);
}

std::variant<Settings, std::vector<Error>> Settings::load(const FlagTable& table,
                                                          const SettingSources& sources) {
  return SettingsLoader(table, sources).load();
}

const Settings::Entry& Settings::entry(std::string_view name, SettingType type) const {
  const SettingSpec* spec = table_.find(name);
  SCPOOL_CHECK(spec != nullptr && !spec->repeatable);
  SCPOOL_CHECK(spec->type == type ||
               (type == SettingType::Text && spec->type == SettingType::Choice));
  return entries_.find(name)->second;
}

bool Settings::given(std::string_view name) const {
  return origin(name).source != Source::Default;
}

const SettingOrigin& Settings::origin(std::string_view name) const {
  const auto found = entries_.find(name);
  SCPOOL_CHECK(found != entries_.end());
  return found->second.origin;
}

std::string Settings::text(std::string_view name) const {
  const Entry& found = entry(name, SettingType::Text);
  return found.values.empty() ? "" : found.values.front();
}

bool Settings::is_on(std::string_view name) const {
  const Entry& found = entry(name, SettingType::Bool);
  return !found.values.empty() && found.values.front() == "true";
}

std::uint64_t Settings::count(std::string_view name) const {
  const Entry& found = entry(name, SettingType::Count);
  return found.values.empty() ? 0 : parse_number(found.values.front()).value_or(0);
}

Duration Settings::duration(std::string_view name) const {
  const Entry& found = entry(name, SettingType::Duration);
  return found.values.empty() ? Duration::zero()
                              : parse_duration(found.values.front()).value_or(Duration::zero());
}

std::uint64_t Settings::size(std::string_view name) const {
  const Entry& found = entry(name, SettingType::Size);
  return found.values.empty() ? 0 : parse_size(found.values.front()).value_or(0);
}

std::vector<std::string> Settings::list(std::string_view name) const {
  const SettingSpec* spec = table_.find(name);
  SCPOOL_CHECK(spec != nullptr && spec->repeatable);
  return entries_.find(name)->second.values;
}

std::string Settings::redacted_text() const {
  std::string text;
  for (const SettingSpec& spec : table_.specs()) {
    const Entry& entry = entries_.find(spec.name)->second;
    if (entry.values.empty() || !spec.not_supported.empty()) {
      continue;
    }
    const std::string shown = spec.secret ? "***" : join(entry.values, ",");
    text += spec.name + ": " + shown + "   # " + entry.origin.text + "\n";
  }
  return text;
}

}  // namespace scpool
