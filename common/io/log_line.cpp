#include "common/io/log_line.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/text.hpp"

namespace scpool {
namespace {

std::string_view upper_case(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return "ERROR";
    case LogLevel::Info:
      return "INFO";
    case LogLevel::Debug:
      return "DEBUG";
  }
  return "?";
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void append_escaped_control(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default: {
      std::array<char, 8> text{};
      std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned char>(c));
      out += text.data();
      break;
    }
  }
}

void append_bare(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_control(c)) {
      append_escaped_control(out, c);
    } else {
      out += c;
    }
  }
}

// The rows of RFC 3629 section 4: which second byte a first byte allows, and the length they make.
struct Utf8Row {
  unsigned first_low, first_high, second_low, second_high;
  std::size_t length;
};
constexpr std::array<Utf8Row, 8> kUtf8 = {{{0xc2, 0xdf, 0x80, 0xbf, 2},
                                           {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                           {0xe1, 0xec, 0x80, 0xbf, 3},
                                           {0xed, 0xed, 0x80, 0x9f, 3},
                                           {0xee, 0xef, 0x80, 0xbf, 3},
                                           {0xf0, 0xf0, 0x90, 0xbf, 4},
                                           {0xf1, 0xf3, 0x80, 0xbf, 4},
                                           {0xf4, 0xf4, 0x80, 0x8f, 4}}};

// Bytes of the UTF-8 character at the front; 0 when it is not a valid one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto in = [](unsigned value, unsigned low, unsigned high) {
    return value >= low && value <= high;
  };
  if (byte(0) < 0x80) {
    return 1;
  }
  for (const Utf8Row& row : kUtf8) {
    if (in(byte(0), row.first_low, row.first_high)) {
      const bool valid = in(byte(1), row.second_low, row.second_high) &&
                         (row.length < 3 || in(byte(2), 0x80, 0xbf)) &&
                         (row.length < 4 || in(byte(3), 0x80, 0xbf));
      return valid ? row.length : 0;
    }
  }
  return 0;
}

// As JSON writes strings (RFC 8259 section 7); what is not UTF-8 becomes U+FFFD.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      append_escaped_control(out, c);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_value(std::string& out, std::string_view value) {
  const bool plain = !value.empty() && std::none_of(value.begin(), value.end(), [](char c) {
    return c == ' ' || c == '"' || c == '=' || c == '\\' || is_control(c);
  });
  if (plain) {
    out += value;
  } else {
    append_quoted(out, value);
  }
}

// "2026/11/20 07:00:00.123456" in UTC.
std::string slashed_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{seconds - day};
  std::array<char, 48> text{};
  std::snprintf(text.data(),
                text.size(),
                "%04d/%02u/%02u %02d:%02d:%02d.%06d",
                static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>((time - seconds).count()));
  return text.data();
}

void append_text(std::string& out, std::initializer_list<LogField> fields) {
  for (const LogField& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    append_value(out, field.value);
  }
}

void append_member(std::string& out, std::string_view key, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  append_quoted(out, key);
  out += ':';
  append_quoted(out, value);
}

}  // namespace

std::string log_line(LogFormat format,
                     WallTime time,
                     LogLevel level,
                     std::string_view module,
                     std::string_view message,
                     std::initializer_list<LogField> fields) {
  const std::string_view name = upper_case(level);
  std::string line;
  line.reserve(64 + module.size() + message.size() + fields.size() * 24);
  switch (format) {
    case LogFormat::Text:
      line.append(slashed_time(time)).append(" [").append(module).append("] [").append(name);
      line += "] ";
      append_bare(line, message);
      append_text(line, fields);
      break;
    case LogFormat::KeyValue:
      line.append("time=").append(rfc3339(time)).append(" level=").append(to_lower(name));
      line.append(" module=");
      append_value(line, module);
      line.append(" msg=");
      append_quoted(line, message);
      append_text(line, fields);
      break;
    case LogFormat::Json:
      line += '{';
      append_member(line, "time", rfc3339(time));
      append_member(line, "level", to_lower(name));
      append_member(line, "module", module);
      append_member(line, "msg", message);
      for (const LogField& field : fields) {
        append_member(line, field.key, field.value);
      }
      line += '}';
      break;
  }
  line += '\n';
  return line;
}

}  // namespace scpool
