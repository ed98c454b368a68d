#include "common/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <limits>

namespace scpool {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t word_at(const char* place) {
  std::uint64_t word = 0;
  std::memcpy(&word, place, kWord);
  return word;
}

// Of 4 to 7 characters, some of them twice; texts as long as each other give the same when alike.
std::uint64_t short_word_at(std::string_view text) {
  std::uint32_t front = 0;
  std::uint32_t back = 0;
  std::memcpy(&front, text.data(), sizeof front);
  std::memcpy(&back, text.data() + (text.size() - sizeof back), sizeof back);
  return std::uint64_t{front} << 32U | back;
}

// Eight characters at once: in the high bit of each stands whether it is a capital, and that bit,
// moved to where capitals and small letters differ, makes it small.
std::uint64_t lower_word(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t low_bits = word & (0x7f * kOnes);
  const std::uint64_t from_a = low_bits + (0x80 - 'A') * kOnes;
  const std::uint64_t beyond_z = low_bits + (0x7f - 'Z') * kOnes;
  return word | ((from_a & ~beyond_z & ~word & (0x80 * kOnes)) >> 2U);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = i;
  }
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t substitution = diagonal + (left[i] == right[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitution, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) {
    ++digits;
  }
  const auto number = parse_number(text.substr(0, digits));
  if (!number) {
    return std::nullopt;
  }
  std::string suffix = to_lower(text.substr(digits));
  if (suffix.ends_with("ib")) {
    suffix.resize(suffix.size() - 2);
  } else if (suffix.ends_with('b')) {
    suffix.pop_back();
  }
  unsigned shift = 0;
  if (suffix == "k") {
    shift = 10;
  } else if (suffix == "m") {
    shift = 20;
  } else if (suffix == "g") {
    shift = 30;
  } else if (!suffix.empty()) {
    return std::nullopt;
  }
  if (*number > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return std::nullopt;
  }
  return *number << shift;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) {
    return std::to_string(bytes) + " B";
  }
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", amount, kUnits.at(unit));
  return text.data();
}

std::string rfc3339(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  const std::time_t unix_time = seconds.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&unix_time, &parts);
  std::array<char, 64> text{};
  std::snprintf(text.data(),
                text.size(),
                "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                parts.tm_year + 1900,
                parts.tm_mon + 1,
                parts.tm_mday,
                parts.tm_hour,
                parts.tm_min,
                parts.tm_sec,
                static_cast<int>((milliseconds - seconds).count()));
  return text.data();
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (text.size() != kForm.size()) {
    return std::nullopt;
  }
  for (std::size_t at = 0; at < kForm.size(); ++at) {
    const bool is_digit = text[at] >= '0' && text[at] <= '9';
    if (kForm[at] == '0' ? !is_digit : text[at] != kForm[at]) {
      return std::nullopt;
    }
  }
  const auto number = [text](std::size_t at, std::size_t length) {
    return static_cast<unsigned>(*parse_number(text.substr(at, length)));
  };
  const std::chrono::year_month_day day{std::chrono::year{static_cast<int>(number(0, 4))},
                                        std::chrono::month{number(5, 2)},
                                        std::chrono::day{number(8, 2)}};
  if (!day.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) {
    return std::nullopt;
  }
  return WallTime{std::chrono::sys_days{day}} + std::chrono::hours{number(11, 2)} +
         std::chrono::minutes{number(14, 2)} + std::chrono::seconds{number(17, 2)} +
         std::chrono::milliseconds{number(20, 3)};
}

void make_lower(std::span<char> text) {
  if (text.size() < kWord / 2) {
    std::transform(text.begin(), text.end(), text.begin(), lower);
    return;
  }
  if (text.size() < kWord) {
    const std::uint64_t word = lower_word(short_word_at({text.data(), text.size()}));
    const auto front = static_cast<std::uint32_t>(word >> 32U);
    const auto back = static_cast<std::uint32_t>(word);
    std::memcpy(text.data(), &front, sizeof front);
    std::memcpy(text.data() + (text.size() - sizeof back), &back, sizeof back);
    return;
  }
  // The last word takes some characters a second time.
  for (std::size_t at = 0; at < text.size(); at += kWord) {
    char* const place = text.data() + std::min(at, text.size() - kWord);
    const std::uint64_t word = lower_word(word_at(place));
    std::memcpy(place, &word, kWord);
  }
}

std::string to_lower(std::string_view text) {
  std::string lowered(text);
  make_lower(lowered);
  return lowered;
}

bool same_letters(std::string_view left, std::string_view right) {
  if (left.size() < kWord && left.size() >= kWord / 2) {
    const std::uint64_t one = short_word_at(left);
    const std::uint64_t other = short_word_at(right);
    return one == other || lower_word(one) == lower_word(other);
  }
  if (left.size() < kWord) {
    return std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
      return a == b || lower(a) == lower(b);
    });
  }
  for (std::size_t at = 0; at < left.size(); at += kWord) {
    const std::size_t place = std::min(at, left.size() - kWord);  // as in make_lower
    const std::uint64_t one = word_at(left.data() + place);
    const std::uint64_t other = word_at(right.data() + place);
    if (one != other && lower_word(one) != lower_word(other)) {
      return false;
    }
  }
  return true;
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) {
    if (&part != parts.data()) {
      joined += separator;
    }
    joined += part;
  }
  return joined;
}

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::optional<std::string> closest_match(std::string_view word,
                                         const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool equal_in_constant_time(ByteView left, ByteView right) {
  if (left.size() != right.size()) {
    return false;
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference |= static_cast<unsigned>(left[i] ^ right[i]);
  }
  return difference == 0;
}

}  // namespace scpool
