#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "common/base/text.hpp"

namespace scpool {
namespace {

using namespace std::chrono_literals;

struct Unit {
  std::string_view name;
  Duration length;
};

// "ms" stands before "m" so that the longer name is found first.
constexpr std::array<Unit, 7> kUnits = {
    {{"ns", 1ns}, {"us", 1us}, {"µs", 1us}, {"ms", 1ms}, {"h", 1h}, {"m", 1min}, {"s", 1s}}};

const Unit* take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) {
      text.remove_prefix(unit.name.size());
      return &unit;
    }
  }
  return nullptr;
}

std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
    ++count;
  }
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// One "12.5h" at the front of the text, in nanoseconds.
std::optional<double> take_term(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if ((whole.empty() && fraction.empty()) || whole.size() > 15 || fraction.size() > 15) {
    return std::nullopt;
  }
  const Unit* unit = take_unit(text);
  if (unit == nullptr) {
    return std::nullopt;
  }
  double amount = static_cast<double>(parse_number(whole).value_or(0));
  double scale = 1.0;
  for (const char digit : fraction) {
    scale /= 10.0;
    amount += static_cast<double>(digit - '0') * scale;
  }
  return amount * static_cast<double>(unit->length.count());
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") {
    return Duration::zero();
  }
  if (text.empty()) {
    return std::nullopt;
  }
  double total = 0;
  while (!text.empty()) {
    const auto term = take_term(text);
    if (!term) {
      return std::nullopt;
    }
    total += *term;
  }
  if (total > static_cast<double>(std::numeric_limits<std::int64_t>::max()) / 2) {
    return std::nullopt;
  }
  return Duration{std::llround(total)};
}

std::string duration_text(Duration duration) {
  if (duration < 1s) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    if (duration == Duration::zero()) {
      return "0s";
    }
    return micros % 1000 == 0 ? std::to_string(micros / 1000) + "ms"
                              : std::to_string(micros) + "us";
  }
  std::string text;
  if (duration >= 1h) {
    text += std::to_string(duration / 1h) + "h";
  }
  if (duration % 1h >= 1min) {
    text += std::to_string(duration % 1h / 1min) + "m";
  }
  const Duration rest = duration % 1min;
  if (rest % 1s != Duration::zero()) {
    std::array<char, 32> seconds{};
    std::snprintf(
        seconds.data(),
        seconds.size(),
        "%.3fs",
        static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(rest).count()) /
            1000.0);
    text += seconds.data();
  } else if (rest > Duration::zero() || text.empty()) {
    text += std::to_string(rest / 1s) + "s";
  }
  return text;
}

std::string rough_duration(Duration duration) {
  if (duration < 1s) {
    return std::to_string(duration / 1ms) + "ms";
  }
  if (duration < 1min) {
    return std::to_string(duration / 1s) + "s";
  }
  if (duration < 1h) {
    return std::to_string(duration / 1min) + "m" + std::to_string(duration % 1min / 1s) + "s";
  }
  if (duration < 24h) {
    return std::to_string(duration / 1h) + "h" + std::to_string(duration % 1h / 1min) + "m";
  }
  return std::to_string(duration / 24h) + "d" + std::to_string(duration % 24h / 1h) + "h";
}

}  // namespace scpool
