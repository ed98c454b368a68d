#include "supervisor/io/log_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::uint64_t kTailSize = 64 * 1024;
constexpr std::size_t kMaxPartial = 1024 * 1024;

std::uint64_t file_size(int descriptor) {
  struct stat facts {};
  return fstat(descriptor, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

std::string read_from(int descriptor, std::uint64_t offset, std::uint64_t limit) {
  std::string text;
  std::array<char, 16 * 1024> buffer{};
  while (text.size() < limit) {
    const ssize_t count = pread(descriptor,
                                buffer.data(),
                                std::min<std::uint64_t>(buffer.size(), limit - text.size()),
                                static_cast<off_t>(offset + text.size()));
    if (count <= 0) {
      break;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

// The offset in `text` at which its last `count` lines begin.
std::size_t start_of_last_lines(const std::string& text, std::size_t count) {
  std::size_t position = text.size();
  if (position > 0 && text[position - 1] == '\n') {
    --position;
  }
  while (position > 0) {
    if (text[position - 1] == '\n' && --count == 0) {
      return position;
    }
    --position;
  }
  return 0;
}

}  // namespace

std::vector<std::string> last_lines(const std::string& path, std::size_t count) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return {};
  }
  const std::uint64_t size = file_size(descriptor);
  const std::string text =
      read_from(descriptor, size > kTailSize ? size - kTailSize : 0, kTailSize);
  close(descriptor);
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) {
      lines.emplace_back(line);
    }
  }
  if (lines.size() > count) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  }
  for (std::string& line : lines) {
    std::replace_if(
        line.begin(),
        line.end(),
        [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; },
        '?');
  }
  return lines;
}

std::string word_after(const std::string& path, const std::string& phrase) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return {};
  }
  const std::string text = read_from(descriptor, 0, kTailSize);
  close(descriptor);
  const std::size_t found = text.find(phrase);
  if (found == std::string::npos) {
    return {};
  }
  const auto begin = text.begin() + static_cast<std::ptrdiff_t>(found + phrase.size());
  const auto end = std::find_if_not(begin, text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  return {begin, end};
}

LogFollower::LogFollower(std::string path, std::size_t lines) : path_(std::move(path)) {
  open_file();
  if (descriptor_ < 0) {
    return;
  }
  const std::uint64_t size = file_size(descriptor_);
  const std::uint64_t tail = std::min(size, kTailSize * 16);
  const std::string text = read_from(descriptor_, size - tail, tail);
  offset_ = size - tail + (lines == 0 ? text.size() : start_of_last_lines(text, lines));
}

LogFollower::LogFollower(LogFollower&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      offset_(other.offset_),
      partial_(std::move(other.partial_)) {}

LogFollower::~LogFollower() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

void LogFollower::open_file() {
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  offset_ = 0;
}

bool LogFollower::was_replaced() const {
  struct stat opened {};
  struct stat named {};
  if (stat(path_.c_str(), &named) != 0) {
    return false;
  }
  return descriptor_ < 0 || fstat(descriptor_, &opened) != 0 || opened.st_ino != named.st_ino ||
         opened.st_dev != named.st_dev || static_cast<std::uint64_t>(named.st_size) < offset_;
}

std::string LogFollower::read_new() {
  std::string text = std::exchange(partial_, {});
  if (descriptor_ >= 0) {
    const std::string more = read_from(descriptor_, offset_, 4 * kMaxPartial);
    offset_ += more.size();
    text += more;
  }
  if (was_replaced()) {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
    open_file();
  }
  const std::size_t end = text.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  if (text.size() - whole < kMaxPartial) {
    partial_ = text.substr(whole);
    text.resize(whole);
  }
  return text;
}

}  // namespace scpool::supervisor
