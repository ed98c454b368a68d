#include "common/io/log.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "common/base/limits.hpp"
#include "common/io/log_line.hpp"
#include "common/io/open_descriptor.hpp"

namespace scpool {
namespace {

Result<OpenDescriptor> open_file(const std::string& path) {
  OpenDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return Error::from_errno(errno, "cannot write the log file " + path);
  }
  return file;
}

}  // namespace

// One write(2) per line: nothing is buffered, so a crash loses nothing and idle logs cost nothing.
// A pipe that nobody reads must not stop the program: it is opened again without blocking, because
// switching the flag of the descriptor we were given would switch it for everybody who shares it.
struct Log::Sink {
  LogSettings settings;
  OpenDescriptor own;  // a file or pipe that we opened
  int descriptor = -1;
  bool is_socket = false;
  bool torn = false;  // the last line was cut short
  std::uint64_t dropped = 0;
  std::uint64_t untold = 0;  // dropped since the last line that said so

  void take_standard(int given);
  bool put(std::string_view line);
  void write(std::string line);
};

void Log::Sink::take_standard(int given) {
  descriptor = given;
  struct stat facts {};
  if (fstat(given, &facts) != 0) {
    return;
  }
  is_socket = S_ISSOCK(facts.st_mode);
  if (S_ISFIFO(facts.st_mode)) {
    const std::string again = "/proc/self/fd/" + std::to_string(given);
    own.reset(::open(again.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    descriptor = own.valid() ? own.get() : given;
  }
}

bool Log::Sink::put(std::string_view line) {
  const ssize_t written =
      is_socket ? ::send(descriptor, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                : ::write(descriptor, line.data(), line.size());
  const bool whole = written == static_cast<ssize_t>(line.size());
  torn = !whole && (torn || written > 0);
  return whole;
}

void Log::Sink::write(std::string line) {
  if (line.size() > limits::kMaxLogLine) {
    line.resize(limits::kMaxLogLine - 1);
    line += '\n';
  }
  if (untold > 0) {
    line.insert(0,
                log_line(settings.format,
                         std::chrono::time_point_cast<std::chrono::microseconds>(
                             std::chrono::system_clock::now()),
                         LogLevel::Error,
                         "log",
                         std::to_string(untold) + " lines could not be written here",
                         {}));
  }
  if (torn) {
    line.insert(0, "\n");
  }
  if (put(line)) {
    untold = 0;
  } else {
    ++dropped;
    ++untold;
  }
}

Log::Log(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

Result<Log> Log::open(const LogSettings& settings) {
  auto sink = std::make_unique<Sink>();
  sink->settings = settings;
  if (settings.file.empty()) {
    sink->take_standard(STDOUT_FILENO);
  } else if (settings.file == "stderr") {
    sink->take_standard(STDERR_FILENO);
  } else {
    auto file = open_file(settings.file);
    if (!file) {
      return file.error();
    }
    sink->own = std::move(file).value();
    sink->descriptor = sink->own.get();
  }
  return Log(std::move(sink));
}

void Log::error(std::string_view module,
                std::string_view message,
                std::initializer_list<LogField> fields) {
  write(LogLevel::Error, module, message, fields);
}

void Log::info(std::string_view module,
               std::string_view message,
               std::initializer_list<LogField> fields) {
  write(LogLevel::Info, module, message, fields);
}

void Log::debug(std::string_view module,
                std::string_view message,
                std::initializer_list<LogField> fields) {
  write(LogLevel::Debug, module, message, fields);
}

bool Log::wants(LogLevel level) const {
  return level <= sink_->settings.level;
}

void Log::write(LogLevel level,
                std::string_view module,
                std::string_view message,
                std::initializer_list<LogField> fields) {
  if (wants(level)) {
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    sink_->write(log_line(sink_->settings.format, now, level, module, message, fields));
  }
}

Result<void> Log::reopen() {
  const std::string& path = sink_->settings.file;
  if (path.empty() || path == "stderr") {
    return {};
  }
  auto file = open_file(path);
  if (!file) {
    return file.error();
  }
  sink_->own = std::move(file).value();
  sink_->descriptor = sink_->own.get();
  return {};
}

std::uint64_t Log::dropped_lines() const {
  return sink_->dropped;
}

}  // namespace scpool
