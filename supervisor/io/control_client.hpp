// The other end of the control socket: what every verb but `up` uses. One call at a time, waiting
// for its answer; a loop of its own. Knows nothing of the verbs.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/io/http_client.hpp"

namespace scpool::supervisor {

class ControlClient {
 public:
  explicit ControlClient(std::string socket_path);

  const std::string& socket_path() const { return socket_path_; }
  // NotFound: nobody listens there. Denied: we may not connect, or were refused (403).
  Result<HttpAnswer> call(const std::string& method,
                          const std::string& path_and_query,
                          const std::string& body,
                          Duration timeout);

 private:
  std::string socket_path_;
  std::unique_ptr<EventLoop> loop_;
  HttpClient client_;
};

}  // namespace scpool::supervisor
