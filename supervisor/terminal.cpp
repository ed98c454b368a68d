#include "supervisor/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace scpool::supervisor {
namespace {

constexpr std::size_t kPlainWidth = 100;

bool colours_wanted(bool is_terminal) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  const char* term = std::getenv("TERM");
  return is_terminal && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

std::string_view escape_of(Style style) {
  switch (style) {
    case Style::Plain:
      return "";
    case Style::Good:
      return "\x1b[32m";
    case Style::Warning:
      return "\x1b[33m";
    case Style::Bad:
      return "\x1b[31m";
    case Style::Faint:
      return "\x1b[2m";
    case Style::Strong:
      return "\x1b[1m";
  }
  return "";
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Length of the escape sequence (CSI ... letter) at `at`; 0 when there is none.
std::size_t escape_length(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\x1b[") {
    return 0;
  }
  std::size_t end = at + 2;
  while (end < text.size() && (text[end] < '@' || text[end] > '~')) {
    ++end;
  }
  return (end < text.size() ? end + 1 : end) - at;
}

// The part of `text` that fits into `width` columns; sequences beyond it are kept for their resets.
std::string first_columns(std::string_view text, std::size_t width) {
  std::string result;
  std::size_t columns = 0;
  bool keeps_character = false;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t length = escape_length(text, at); length > 0) {
      result += text.substr(at, length);
      at += length;
      continue;
    }
    if (!is_continuation(text[at])) {
      keeps_character = columns < width;
      columns += 1;
    }
    if (keeps_character) {
      result += text[at];
    }
    ++at;
  }
  return result;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = escape_length(text, at);
    if (length == 0 && !is_continuation(text[at])) {
      ++columns;
    }
    at += length > 0 ? length : 1;
  }
  return columns;
}

std::string cut_to(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) {
    return std::string(text);
  }
  return width == 0 ? std::string{} : first_columns(text, width - 1) + "…";
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result = cut_to(text, width);
  result.append(width - display_width(result), ' ');
  return result;
}

Terminal::Terminal(int descriptor)
    : descriptor_(descriptor),
      is_terminal_(isatty(descriptor) == 1),
      colours_(colours_wanted(is_terminal_)) {}

std::size_t Terminal::width() const {
  winsize size{};
  if (is_terminal_ && ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return kPlainWidth;
}

std::string Terminal::styled(Style style, std::string_view text) const {
  const std::string_view escape = escape_of(style);
  if (!colours_ || escape.empty()) {
    return std::string(text);
  }
  return std::string(escape) + std::string(text) + "\x1b[0m";
}

void Terminal::print(std::string_view line) {
  std::string text;
  if (!live_.empty()) {
    text += "\r\x1b[K";
  }
  text += line;
  text += '\n';
  text += live_;
  write(text);
}

void Terminal::show_live(std::string line) {
  if (!is_terminal_) {
    return;
  }
  // One column is left free: a full line would wrap on some terminals.
  line = cut_to(line, width() - 1);
  if (line != live_) {
    write("\r" + line + "\x1b[K");
    live_ = std::move(line);
  }
}

void Terminal::clear_live() {
  if (!live_.empty()) {
    write("\r\x1b[K");
    live_.clear();
  }
}

void Terminal::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor_, text.data(), text.size());
    if (count < 0 && errno != EINTR) {
      return;  // a terminal that is gone is no reason to stop
    }
    text.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
}

}  // namespace scpool::supervisor
