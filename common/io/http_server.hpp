// A small strict HTTP/1.1 server for REST, local APIs and pages, on TCP, TLS and Unix sockets, with
// streamed answers and upgrades. Requests are whole: head and bounded body. Not the ingress proxy.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/limits.hpp"
#include "common/http/message_head.hpp"
#include "common/io/listener.hpp"
#include "common/tls/tls_context.hpp"

namespace scpool {

struct HttpRequest {
  RequestHead head;
  std::string path;   // percent-decoded, repeated slashes folded: "//x/y" is "/x/y"
  std::string query;  // as it came, without "?"
  std::string body;
  std::optional<Endpoint> peer;                // TCP
  std::optional<PeerCredentials> credentials;  // Unix socket
  Bytes channel_binding;                       // RFC 9266; empty without TLS

  // The decoded value of one query parameter.
  std::optional<std::string> parameter(std::string_view name) const;
  // User and password of Basic authentication (RFC 7617).
  std::optional<std::pair<std::string, std::string>> basic_credentials() const;
};

struct HttpResponse {
  int status = 200;
  Fields fields;  // Content-Length, Date and Connection are the server's business
  std::string body;
};

// A connection that has left HTTP (101 sent): the stream and what came behind the request.
struct UpgradedConnection {
  std::unique_ptr<Stream> stream;
  Bytes already_read;
};

class HttpConnection;

// The right to answer one request, once. It may be kept for later; when the client has gone, all
// calls do nothing. Dropped unanswered, the client gets a 500.
class HttpReply {
 public:
  HttpReply(HttpReply&&) noexcept;
  HttpReply& operator=(HttpReply&&) noexcept;
  ~HttpReply();

  bool client_is_there() const;
  void send(const HttpResponse& response);
  // A body without known length (server-sent events, logs): begin, write ..., end.
  void begin(const HttpResponse& head);  // its body, if any, is written first
  void write(std::string_view text);
  std::size_t queued() const;  // unsent bytes of the connection: bound your writing by it
  // Runs once, when everything written so far has gone to the kernel; replaces an earlier wish.
  void when_sent(std::function<void()> action);
  void end();
  // Runs when the client goes before the end. Under a streamed answer a client that only ends its
  // own sending counts as gone, too.
  void on_gone(std::function<void()> action);
  // Writes the 101 and gives the connection away; nothing when the client has gone.
  std::optional<UpgradedConnection> upgrade(const ResponseHead& head);

  struct Ref;  // of http_connection.hpp

 private:
  friend class HttpConnection;
  explicit HttpReply(std::unique_ptr<Ref> ref);
  std::unique_ptr<Ref> ref_;
};

struct HttpServerSettings {
  std::size_t max_body = limits::kMaxRestBody;
  std::size_t max_connections = 1024;
  Duration idle = limits::kKeepAliveIdle;
  std::string server_name = {};                  // Server field; empty: none
  Duration head_timeout = limits::kHeadTimeout;  // from a head's first byte to its last
  Duration body_timeout = limits::kRequestBodyTimeout;
};

class HttpServer {
 public:
  using OnRequest = std::function<void(HttpRequest, HttpReply)>;

  HttpServer(EventLoop& loop, HttpServerSettings settings, OnRequest on_request);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // `tls` null: plain; otherwise it must outlive the server.
  Result<Endpoint> listen_tcp(const Endpoint& at, const TlsContext* tls);
  Result<void> listen_unix(const std::string& path, unsigned mode);
  // A listening socket of an earlier program of this process.
  Result<Endpoint> listen_on(OpenDescriptor socket, const TlsContext* tls);
  // Accepts nothing more; open connections finish their current answer.
  void stop_listening();

  // So that another program can go on with the sockets: new clients wait in the kernel's queue,
  // open connections finish their current answer.
  void pause();
  void resume();
  bool quiet() const;                  // no connection is left
  std::vector<int> listening() const;  // stay ours

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

HttpResponse text_response(int status, std::string text);
HttpResponse json_response(int status, std::string json);
// {"error": "..."}
HttpResponse json_error(int status, std::string_view sentence);

}  // namespace scpool
