// One structured line per event, to a file or standard output, as text or JSON. Never used by a
// core: shells write lines from a decider's action and reason. A line that cannot be written (disk
// full) is counted and dropped; logging never stops the program.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace scpool {

enum class LogLevel { Error, Info, Debug };

enum class LogFormat {
  Text,      // "2026/11/20 07:00:00.123456 [control] [INFO] message key=value" (UTC)
  KeyValue,  // time=2026-11-20T07:00:00.123Z level=info module=control msg="..." key=value
  Json,      // one object a line with the same keys
};

struct LogField {
  std::string_view key;
  std::string value;
};

struct LogSettings {
  std::string file;  // empty: standard output; "stderr": standard error
  LogFormat format = LogFormat::Text;
  LogLevel level = LogLevel::Info;
};

class Log {
 public:
  // Creates the file with mode 0600; the error names the path and why.
  static Result<Log> open(const LogSettings& settings);
  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;
  ~Log();

  void error(std::string_view module,
             std::string_view message,
             std::initializer_list<LogField> fields = {});
  void info(std::string_view module,
            std::string_view message,
            std::initializer_list<LogField> fields = {});
  void debug(std::string_view module,
             std::string_view message,
             std::initializer_list<LogField> fields = {});
  bool wants(LogLevel level) const;

  // After a rotation: opens the path anew; keeps the old file when that fails.
  Result<void> reopen();
  std::uint64_t dropped_lines() const;

 private:
  struct Sink;
  explicit Log(std::unique_ptr<Sink> sink);
  void write(LogLevel level,
             std::string_view module,
             std::string_view message,
             std::initializer_list<LogField> fields);
  std::unique_ptr<Sink> sink_;
};

}  // namespace scpool
