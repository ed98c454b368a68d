#include "supervisor/io/control_client.hpp"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "common/tunnel/tunnel_resource.hpp"

namespace scpool::supervisor {

ControlClient::ControlClient(std::string socket_path)
    : socket_path_(std::move(socket_path)), loop_(std::make_unique<EventLoop>()), client_(*loop_) {}

Result<HttpAnswer> ControlClient::call(const std::string& method,
                                       const std::string& path_and_query,
                                       const std::string& body,
                                       Duration timeout) {
  if (access(socket_path_.c_str(), R_OK | W_OK) != 0) {
    return errno == EACCES
               ? Error(ErrorKind::Denied, socket_path_ + ": this pool belongs to another user")
               : Error(ErrorKind::NotFound, socket_path_ + ": no supervisor there");
  }
  HttpCall call;
  call.method = method;
  call.url = "http://pool" + path_and_query;
  call.unix_socket = socket_path_;
  call.body = body;
  call.timeout = timeout;
  call.max_body = 16 * 1024 * 1024;
  if (!body.empty()) {
    call.fields.set("Content-Type", "application/json");
  }
  std::optional<Result<HttpAnswer>> answer;
  const HttpClient::Ticket ticket = client_.start(
      std::move(call), [&answer](Result<HttpAnswer> got) { answer = std::move(got); });
  while (!answer.has_value()) {
    loop_->run_once();
  }
  if (!answer->ok()) {
    // A socket file whose owner was killed: there is no supervisor.
    return answer->error().kind() == ErrorKind::Unreachable
               ? Error(ErrorKind::NotFound, socket_path_ + ": no supervisor listens there any more")
               : answer->error();
  }
  if (answer->value().status == 403) {
    return Error(ErrorKind::Denied, error_sentence(403, answer->value().body));
  }
  return std::move(*answer);
}

}  // namespace scpool::supervisor
