// HTTP calls on the loop (libcurl's multi interface): REST over verified TLS, probes over TCP and
// Unix sockets. Not for the traffic of tests. A call's answer comes exactly once, unless its ticket
// goes before.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/base/time.hpp"
#include "common/http/fields.hpp"
#include "common/io/event_loop.hpp"

namespace scpool {

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::string unix_socket;  // connect here; the URL's host is then a name only
  std::string proxy;        // URL of an HTTP proxy for a plain http URL; empty: none, whatever the
                            // environment says. Proxy-Authorization is one of `fields`.
  Fields fields;
  std::string body;
  std::string user;  // Basic authentication when not empty
  Secret password;
  std::vector<std::string> ca_files;  // added to the system's roots
  bool only_these_cas = false;        // no roots but those of ca_files
  Duration timeout = std::chrono::seconds{10};
  std::size_t max_body = 1024 * 1024;
  bool wants_certificate_end = false;
};

struct HttpAnswer {
  int status = 0;
  Fields fields;
  std::string body;
  std::optional<WallTime> certificate_end;  // of the server's, when it was asked for
};

class HttpClient {
 public:
  // TimedOut, Unreachable, Denied (TLS verification), Exhausted (body too large).
  using OnAnswer = std::function<void(Result<HttpAnswer>)>;

  // Dropping a ticket cancels the call; its answer is then never delivered.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&&) noexcept;
    Ticket& operator=(Ticket&&) noexcept;
    ~Ticket();
    bool pending() const;

   private:
    friend class HttpClient;
    struct Call;
    explicit Ticket(Call* call) : call_(call) {}
    Call* call_ = nullptr;
  };

  explicit HttpClient(EventLoop& loop);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();  // cancels what is left

  [[nodiscard]] Ticket start(HttpCall call, OnAnswer on_answer);

 private:
  struct Multi;
  std::unique_ptr<Multi> multi_;
};

}  // namespace scpool
