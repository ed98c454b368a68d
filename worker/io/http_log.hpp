// What --log-http asks for: one log line per HTTP exchange of the local API ("api"), the REST calls
// ("control") or the sites ("proxy"), as much of it as the mode names. Secrets in fields are
// hidden.
#pragma once

#include <string>
#include <string_view>

#include "common/http/fields.hpp"
#include "common/io/log.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

struct HttpLogLine {
  std::string_view module;
  std::string method;
  std::string url;
  int status = 0;  // 0: no answer
  Duration duration = Duration::zero();
  std::string id = {};  // of the request; may be empty
  std::string error = {};
  Fields request_fields = {};
  Fields response_fields = {};
  std::string request_body = {};
  std::string response_body = {};
};

// Whether a line is wanted: with mode Errors only of what got 500 and more, or no answer.
bool logs(LogHttpMode mode, int status);
bool logs_fields(LogHttpMode mode);
// Nothing when no line is wanted.
void log_http(Log& log, LogHttpMode mode, const HttpLogLine& line);

}  // namespace scpool::worker
