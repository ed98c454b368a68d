#include "common/config/flag_parser.hpp"

namespace scpool {
namespace {

class FlagReader {
 public:
  FlagReader(const FlagTable& table, const std::vector<std::string>& words)
      : table_(table), words_(words) {}

  void read_all();
  ParsedFlags parsed;
  std::vector<Error> problems;

 private:
  void read_long(std::string_view word);
  void read_short(std::string_view word);
  void take_flag(const SettingSpec& spec,
                 const std::string& shown,
                 const std::optional<std::string>& attached);
  void unknown(const std::string& shown, std::string_view name);
  bool names_a_flag(std::string_view word) const;
  void refuse(std::string sentence) {
    problems.emplace_back(ErrorKind::Invalid, std::move(sentence));
  }

  const FlagTable& table_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0;  // the word that is read
};

void FlagReader::read_all() {
  for (at_ = 0; at_ < words_.size(); ++at_) {
    const std::string_view word = words_[at_];
    if (word == "--") {
      parsed.words.insert(
          parsed.words.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1, words_.end());
      return;
    }
    if (word.starts_with("--")) {
      read_long(word);
    } else if (word.starts_with('-') && word.size() > 1) {
      read_short(word);
    } else {
      parsed.words.emplace_back(word);
    }
  }
}

void FlagReader::read_long(std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view name =
      word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
  const std::string shown = "--" + std::string(name);
  const SettingSpec* spec = table_.find(name);
  if (spec == nullptr && name == "help" && equals == std::string_view::npos) {
    parsed.help = true;
  } else if (spec == nullptr) {
    unknown(shown, name);
  } else if (equals == std::string_view::npos) {
    take_flag(*spec, shown, std::nullopt);
  } else {
    take_flag(*spec, shown, std::string(word.substr(equals + 1)));
  }
}

void FlagReader::read_short(std::string_view word) {
  // "-tunnel-name x" is a long flag with a dash too few, not a row of short ones.
  const std::string_view whole = word.substr(
      1, word.find('=') == std::string_view::npos ? std::string_view::npos : word.find('=') - 1);
  if (whole.size() > 1 && table_.find(whole) != nullptr) {
    refuse("unknown flag -" + std::string(whole) + ": did you mean --" + std::string(whole) + "?");
    return;
  }
  for (std::size_t i = 1; i < word.size(); ++i) {
    const std::string shown = std::string("-") + word[i];
    const SettingSpec* spec = table_.find_short(word[i]);
    if (spec == nullptr && word[i] == 'h') {
      parsed.help = true;
      continue;
    }
    if (spec == nullptr) {
      refuse("unknown flag " + shown);
      return;
    }
    const std::string_view rest = word.substr(i + 1);
    const bool joined = spec->type == SettingType::Bool && !rest.starts_with('=');
    if (joined) {
      take_flag(*spec, shown, "true");
      continue;
    }
    if (rest.empty()) {
      take_flag(*spec, shown, std::nullopt);
    } else {
      take_flag(*spec, shown, std::string(rest.starts_with('=') ? rest.substr(1) : rest));
    }
    return;
  }
}

bool FlagReader::names_a_flag(std::string_view word) const {
  return word.starts_with("--") && table_.find(word.substr(2, word.find('=') - 2)) != nullptr;
}

void FlagReader::take_flag(const SettingSpec& spec,
                           const std::string& shown,
                           const std::optional<std::string>& attached) {
  if (attached) {
    parsed.flags.emplace_back(spec.name, *attached);
    return;
  }
  if (spec.type == SettingType::Bool) {
    parsed.flags.emplace_back(spec.name, "true");
    return;
  }
  if (at_ + 1 >= words_.size()) {
    refuse(shown + " needs a value");
    return;
  }
  const std::string& next = words_[at_ + 1];
  if (names_a_flag(next)) {
    refuse(shown + " needs a value; the next word is the flag " + next.substr(0, next.find('=')));
    return;
  }
  parsed.flags.emplace_back(spec.name, next);
  ++at_;
}

void FlagReader::unknown(const std::string& shown, std::string_view name) {
  const auto meant = table_.suggestion(name);
  refuse("unknown flag " + shown + (meant ? ": did you mean --" + *meant + "?" : ""));
}

}  // namespace

std::variant<ParsedFlags, std::vector<Error>> parse_flags(const FlagTable& table,
                                                          const std::vector<std::string>& words) {
  FlagReader reader(table, words);
  reader.read_all();
  if (!reader.problems.empty()) {
    return std::move(reader.problems);
  }
  return std::move(reader.parsed);
}

}  // namespace scpool
