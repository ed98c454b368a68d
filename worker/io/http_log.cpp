#include "worker/io/http_log.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"

namespace scpool::worker {

namespace {

constexpr std::array<std::string_view, 4> kSecretFields = {
    "authorization", "proxy-authorization", "cookie", "set-cookie"};

std::string fields_text(const Fields& fields) {
  std::string text;
  for (const Field field : fields) {
    const bool secret = std::any_of(kSecretFields.begin(), kSecretFields.end(), [&](auto name) {
      return equals_ignoring_case(name, field.name);
    });
    text.append(text.empty() ? "" : "; ").append(field.name).append(": ");
    text.append(secret ? "***" : field.value);
  }
  return text;
}

// Scheme, host and path; what may be personal in the query stays out.
std::string short_url(const std::string& url) {
  return url.substr(0, url.find('?'));
}

}  // namespace

bool logs(LogHttpMode mode, int status) {
  const bool failed = status >= 500 || status == 0;
  return mode == LogHttpMode::Errors ? failed : mode != LogHttpMode::None;
}

bool logs_fields(LogHttpMode mode) {
  return mode == LogHttpMode::Headers || mode == LogHttpMode::Body;
}

void log_http(Log& log, LogHttpMode mode, const HttpLogLine& line) {
  if (!logs(mode, line.status)) {
    return;
  }
  std::string message = line.id.empty() ? "" : "[" + line.id + "] ";
  message += line.method + " " + (mode == LogHttpMode::ShortUrl ? short_url(line.url) : line.url);
  const std::string status = std::to_string(line.status);
  const std::string duration = duration_text(line.duration);
  if (logs_fields(mode)) {
    const bool bodies = mode == LogHttpMode::Body;
    log.info(line.module,
             message,
             {{"status", status},
              {"duration", duration},
              {"error", line.error},
              {"request_headers", fields_text(line.request_fields)},
              {"response_headers", fields_text(line.response_fields)},
              {"request_body", bodies ? line.request_body : ""},
              {"response_body", bodies ? line.response_body : ""}});
  } else if (!line.error.empty()) {
    log.info(
        line.module, message, {{"status", status}, {"duration", duration}, {"error", line.error}});
  } else {
    log.info(line.module, message, {{"status", status}, {"duration", duration}});
  }
}

}  // namespace scpool::worker
