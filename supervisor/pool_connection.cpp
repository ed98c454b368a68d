#include "supervisor/pool_connection.hpp"

#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/tunnel/tunnel_resource.hpp"
#include "supervisor/io/pool_search.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAnswerLimit = 10s;

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 400:
    case 422:
      return ErrorKind::Invalid;
    case 404:
      // The path is there; what it names is not. NotFound is kept for "no supervisor".
      return ErrorKind::Protocol;
    default:
      return ErrorKind::System;
  }
}

}  // namespace

Result<PoolConnection> PoolConnection::open(const Settings& settings) {
  const std::string pool = settings.text("pool");
  const auto socket = find_control_socket(settings.text("socket"), pool);
  if (!socket) {
    return socket.error();
  }
  PoolConnection connection(pool, std::make_unique<ControlClient>(socket.value()));
  return connection;
}

Result<std::string> PoolConnection::get(const std::string& path) {
  return call("GET", path, "", kAnswerLimit);
}

Result<std::string> PoolConnection::get(const std::string& path, Duration timeout) {
  return call("GET", path, "", timeout);
}

Result<std::string> PoolConnection::post(const std::string& path, const std::string& body) {
  return call("POST", path, body, kAnswerLimit);
}

Result<StatusFacts> PoolConnection::status() {
  const auto body = get("/v1/status");
  return body ? parse_status(body.value()) : Result<StatusFacts>(body.error());
}

Result<std::string> PoolConnection::call(const std::string& method,
                                         const std::string& path,
                                         const std::string& body,
                                         Duration timeout) {
  auto answer = client_->call(method, path, body, timeout);
  if (!answer) {
    return pool_.empty() ? answer.error() : answer.error().within("pool '" + pool_ + "'");
  }
  const int status = answer.value().status;
  if (status < 200 || status >= 300) {
    return Error(kind_of_status(status), error_sentence(status, answer.value().body));
  }
  return std::move(answer.value().body);
}

ExitCode failed(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::NotFound:
      return complain(ExitCode::NoSupervisor, error.sentence());
    case ErrorKind::Invalid:
      return complain(ExitCode::Usage, error.sentence());
    case ErrorKind::TimedOut:
      return complain(ExitCode::DeadlinePassed, error.sentence());
    default:
      return complain(ExitCode::Failed, error.sentence());
  }
}

std::string answer_message(const std::string& json) {
  const auto root = parse_json(json);
  return root.is_object() && root.contains("message") && root["message"].is_string()
             ? root["message"].get<std::string>()
             : std::string{};
}

}  // namespace scpool::supervisor
