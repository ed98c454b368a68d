#include "common/io/http_connection.hpp"

#include <array>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/text.hpp"

namespace scpool {
namespace {

// How much of later requests is taken from the kernel while one is being answered.
constexpr std::size_t kMaxAhead = 64 * 1024;

}  // namespace

HttpConnection::HttpConnection(HttpService& service,
                               std::unique_ptr<Stream> stream,
                               const TlsContext* tls)
    : service_(service), stream_(std::move(stream)), timer_(service.loop) {
  peer_ = stream_->peer();
  credentials_ = stream_->peer_credentials();
  stream_->set_listener(this);
  if (tls == nullptr) {
    wait_for_request();
    return;
  }
  state_ = State::Handshake;
  timer_.start(limits::kTlsHandshakeTimeout, [this] { on_time(); });
  stream_->start_tls(TlsSession::accept(*tls));
}

void HttpConnection::on_open() {
  wait_for_request();
}

void HttpConnection::on_bytes(ByteView bytes) {
  if (state_ == State::Lingering || state_ == State::Gone) {
    return;
  }
  input_ += as_text(bytes);
  pump();
  if (state_ != State::Gone && input_.size() > kMaxAhead) {
    stream_->pause_reading();
  }
}

// A client that does not read its answers gets no more of them.
bool HttpConnection::may_read_request() const {
  return (state_ == State::Idle || state_ == State::Head || state_ == State::Body) &&
         stream_->queued() < limits::kWriteQueueHigh;
}

void HttpConnection::pump() {
  if (dispatching_) {
    return;  // whoever dispatches goes on
  }
  while (state_ != State::Gone && !input_.empty() && may_read_request()) {
    if (state_ == State::Body) {
      take_body_bytes();
    } else {
      take_head_bytes();
    }
  }
  if (state_ == State::Gone || state_ == State::Lingering || state_ == State::Answering ||
      state_ == State::Streaming) {
    return;
  }
  if (peer_ended_ && input_.empty()) {
    linger();  // nothing can follow: what is there was no whole request
  } else if (input_.size() <= kMaxAhead) {
    stream_->resume_reading();
  }
}

void HttpConnection::take_head_bytes() {
  input_.erase(0, parser_.receive(as_bytes(input_)));
  if (state_ == State::Idle && parser_.started()) {
    state_ = State::Head;
    timer_.start(service_.settings.head_timeout, [this] { on_time(); });
  }
  switch (parser_.state()) {
    case HeadParser::State::NeedMore:
      return;
    case HeadParser::State::Refused:
      is_head_request_ = false;
      is_old_client_ = false;
      refuse(parser_.problem());
      return;
    case HeadParser::State::Done:
      take_head();
      return;
  }
}

void HttpConnection::take_head() {
  request_ = HttpRequest{};
  request_.head = std::move(parser_.request());
  parser_.restart();
  is_head_request_ = request_.head.method == "HEAD";
  is_old_client_ = request_.head.minor_version == 0;
  close_wanted_ = is_old_client_ || request_.head.fields.lists("Connection", "close");
  if (const auto problem = prepare_request()) {
    refuse(*problem);
    return;
  }
  state_ = State::Body;
  timer_.start(service_.settings.body_timeout, [this] { on_time(); });
  if (body_->state() == BodyReader::State::Done) {
    dispatch();
  }
}

// Framing, target and expectations of the head in request_.
std::optional<HeadProblem> HttpConnection::prepare_request() {
  const RequestHead& head = request_.head;
  const auto framing = request_body_plan(head);
  if (const auto* problem = std::get_if<HeadProblem>(&framing)) {
    return *problem;
  }
  const BodyPlan& plan = *std::get_if<BodyPlan>(&framing);
  if (head.method == "CONNECT") {
    return HeadProblem{405, "this is not a proxy"};
  }
  if (!split_target(head, request_.path, request_.query)) {
    return HeadProblem{400, "the request target is malformed"};
  }
  if (plan.kind == BodyKind::Length && plan.length > service_.settings.max_body) {
    return HeadProblem{413, "the body is larger than " + size_text(service_.settings.max_body)};
  }
  const auto expectation = head.fields.find("Expect");
  if (expectation.has_value() && !is_old_client_) {
    if (!equals_ignoring_case(*expectation, "100-continue")) {
      return HeadProblem{417, "unknown expectation"};
    }
    if (plan.kind != BodyKind::None && input_.empty()) {
      stream_->write("HTTP/1.1 100 Continue\r\n\r\n");
    }
  }
  body_.emplace(plan);
  return std::nullopt;
}

void HttpConnection::take_body_bytes() {
  ByteView rest = as_bytes(input_);
  while (!rest.empty() && body_->state() == BodyReader::State::NeedMore &&
         request_.body.size() <= service_.settings.max_body) {
    const BodyReader::Step step = body_->receive(rest);
    request_.body += as_text(step.body);
    rest = rest.subspan(step.consumed);
  }
  input_.erase(0, input_.size() - rest.size());
  if (request_.body.size() > service_.settings.max_body) {
    refuse({413, "the body is larger than " + size_text(service_.settings.max_body)});
  } else if (body_->state() == BodyReader::State::Refused) {
    refuse(body_->problem());
  } else if (body_->state() == BodyReader::State::Done) {
    dispatch();
  }
}

void HttpConnection::dispatch() {
  state_ = State::Answering;
  timer_.cancel();
  request_.peer = peer_;
  request_.credentials = credentials_;
  if (stream_->tls() != nullptr) {
    request_.channel_binding = stream_->tls()->channel_binding();
  }
  auto ref = std::make_unique<HttpReply::Ref>();
  ref->connection = this;
  reply_ = ref.get();
  // The answer may come from inside this call, and so may the end of the server and of this.
  dispatching_ = true;
  service_.on_request(std::move(request_), HttpReply(std::move(ref)));
  dispatching_ = false;
}

void HttpConnection::refuse(const HeadProblem& problem) {
  close_wanted_ = true;
  send(json_error(problem.status, problem.sentence));
}

void HttpConnection::wait_for_request() {
  state_ = State::Idle;
  queued_before_ = stream_->queued();
  // What came behind the last request is looked at in a later turn, never inside an answer's call.
  pump_soon_ = !dispatching_ && (!input_.empty() || peer_ended_);
  timer_.start(pump_soon_ ? Duration::zero() : service_.settings.idle, [this] { on_time(); });
}

void HttpConnection::close_when_idle() {
  if (is_idle()) {
    linger();
  } else if (state_ == State::Handshake) {
    finish();
  }
}

void HttpConnection::linger() {
  state_ = State::Lingering;
  input_.clear();
  stream_->end();
  stream_->resume_reading();
  watch_writing();
  stream_->when_sent([this] {
    if (peer_ended_) {
      finish();
    } else {
      timer_.start(limits::kLingerTimeout, [this] { on_time(); });
    }
  });
}

void HttpConnection::watch_writing() {
  queued_before_ = stream_->queued();
  timer_.start(service_.settings.idle, [this] { on_time(); });
}

void HttpConnection::on_time() {
  const bool reads = stream_->queued() < queued_before_;
  switch (state_) {
    case State::Handshake:
      finish();
      return;
    case State::Idle:
      if (std::exchange(pump_soon_, false)) {
        watch_writing();
        pump();
      } else if (stream_->queued() == 0) {
        linger();
      } else if (reads) {
        watch_writing();
      } else {
        finish();
      }
      return;
    case State::Head:
      refuse({408,
              "the request's head did not come within " +
                  duration_text(service_.settings.head_timeout)});
      return;
    case State::Body:
      refuse({408,
              "the request's body did not come within " +
                  duration_text(service_.settings.body_timeout)});
      return;
    case State::Streaming:
      if (stream_->queued() == 0 || reads) {
        watch_writing();
      } else {
        finish();
      }
      return;
    case State::Lingering:
      if (stream_->queued() > 0 && reads) {
        watch_writing();
      } else {
        finish();
      }
      return;
    case State::Answering:
    case State::Gone:
      return;
  }
}

void HttpConnection::on_end() {
  peer_ended_ = true;
  switch (state_) {
    case State::Handshake:
    case State::Streaming:
      finish();
      return;
    case State::Lingering:
      if (stream_->queued() == 0) {
        finish();
      }
      return;
    case State::Idle:
    case State::Head:
    case State::Body:
      pump();
      return;
    case State::Answering:
    case State::Gone:
      return;
  }
}

void HttpConnection::on_drained() {
  pump();
}

void HttpConnection::on_failed(const Error& /*error*/) {
  finish();
}

// The connection is over: tells whoever was to answer, as its last act.
void HttpConnection::finish() {
  std::function<void()> on_gone;
  if (reply_ != nullptr) {
    on_gone = std::move(reply_->on_gone);
  }
  abandon();
  const auto self = service_.connections.find(this);
  SCPOOL_CHECK(self != service_.connections.end());
  service_.loop.retire(std::move(self->second));
  service_.connections.erase(self);
  if (on_gone) {
    on_gone();
  }
}

void HttpConnection::abandon() {
  if (reply_ != nullptr) {
    reply_->connection = nullptr;
    reply_ = nullptr;
  }
  state_ = State::Gone;
  timer_.cancel();
  stream_.reset();
}

}  // namespace scpool
