// One client of an HttpServer: its requests one after the other, each answered before the next is
// looked at. Extra to the layout because http_server is about all clients and this about one. For
// the sources of common/io only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/http/body_framing.hpp"
#include "common/io/http_server.hpp"
#include "common/io/timer.hpp"

namespace scpool {

// What the connections of one server share.
struct HttpService {
  HttpService(EventLoop& owner, HttpServerSettings chosen, HttpServer::OnRequest action)
      : loop(owner), settings(std::move(chosen)), on_request(std::move(action)) {}

  EventLoop& loop;
  HttpServerSettings settings;
  HttpServer::OnRequest on_request;
  std::map<HttpConnection*, std::unique_ptr<HttpConnection>> connections;
  bool draining = false;  // answers are the last of their connection
};

struct HttpReply::Ref {
  HttpConnection* connection = nullptr;  // null once the client has gone
  std::function<void()> on_gone;
  bool begun = false;
};

class HttpConnection final : public StreamListener {
 public:
  HttpConnection(HttpService& service, std::unique_ptr<Stream> stream, const TlsContext* tls);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  virtual ~HttpConnection() = default;

  bool is_idle() const { return state_ == State::Idle && input_.empty(); }
  // Its first request may be on its way.
  bool is_fresh() const { return is_idle() && !has_answered_; }
  // Closes when nothing is being answered; otherwise after the answer.
  void close_when_idle();
  // At once and for good; on_gone is not told. The service retires the object.
  void abandon();

  // For HttpReply.
  void send(const HttpResponse& response);
  void begin(const HttpResponse& head);
  void write(std::string_view text);
  void end();
  void break_answer();
  std::optional<UpgradedConnection> upgrade(const ResponseHead& head);
  std::size_t queued() const { return stream_->queued(); }
  void when_sent(std::function<void()> action) { stream_->when_sent(std::move(action)); }
  void set_reply(HttpReply::Ref* ref) { reply_ = ref; }

 private:
  enum class State { Handshake, Idle, Head, Body, Answering, Streaming, Lingering, Gone };

  void on_open() override;
  void on_bytes(ByteView bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_failed(const Error& error) override;

  void pump();
  bool may_read_request() const;
  void take_head_bytes();
  void take_head();
  void take_body_bytes();
  std::optional<HeadProblem> prepare_request();
  void dispatch();
  void refuse(const HeadProblem& problem);
  void wait_for_request();
  void finish_answer();
  void linger();
  void watch_writing();
  void on_time();
  void finish();
  void write_head_of(const HttpResponse& response, std::optional<std::size_t> length);
  bool closes_after() const;

  HttpService& service_;
  std::unique_ptr<Stream> stream_;
  Timer timer_;
  State state_ = State::Idle;
  HeadParser parser_{HeadParser::Kind::Request};
  std::optional<BodyReader> body_;
  HttpRequest request_;
  std::optional<Endpoint> peer_;
  std::optional<PeerCredentials> credentials_;
  std::string input_;                // what came and was not looked at yet
  HttpReply::Ref* reply_ = nullptr;  // to the request being answered
  std::string out_;                  // reused for heads
  std::size_t queued_before_ = 0;    // when the timer was armed: is the client reading?
  bool is_head_request_ = false;
  bool is_old_client_ = false;  // HTTP/1.0
  bool close_wanted_ = false;
  bool peer_ended_ = false;
  bool chunked_ = false;
  bool dispatching_ = false;
  bool has_answered_ = false;
  bool pump_soon_ = false;  // the timer is for that, not for a limit
};

// "/a//b%20c?x" into "/a/b c" and "x"; absolute-form too. False when it is malformed.
bool split_target(const RequestHead& head, std::string& path, std::string& query);
std::optional<std::string> percent_decoded(std::string_view text);
// IMF-fixdate (RFC 9110 section 5.6.7).
std::string http_date(WallTime time);

}  // namespace scpool
