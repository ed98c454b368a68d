#include "server/io/ingress_exchange.hpp"

#include <algorithm>
#include <utility>

#include "common/io/turn_reading.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

constexpr Duration kAbandoned = 10s;    // nothing of the answer came since the client's FIN
constexpr Duration kLookAgain = 100ms;  // while waiting: a job may be allowed to move by then

FailurePoint failure_of(H2Code code) {
  return code == H2Code::RefusedStream ? FailurePoint::Refused : FailurePoint::Lost;
}

}  // namespace

IngressExchange::IngressExchange(ServerParts& parts,
                                 IngressJob& job,
                                 Stream& browser,
                                 IngressRequest& request,
                                 const std::string& client,
                                 ExchangeListener& listener)
    : parts_(parts),
      job_(job),
      browser_(browser),
      request_(request),
      client_(client),
      listener_(listener),
      answer_(parts.loop, browser, request_, [this] { turn_ended(); }),
      upload_(request_),
      timer_(parts.loop),
      started_(parts.loop.now()) {
  parts_.metrics.request_started();
  if (parts_.log.wants(LogLevel::Debug)) {
    destination_ = request_.h2.find(":authority").value_or("");
  }
}

IngressExchange::~IngressExchange() {
  parts_.roster.stop_waiting(*this);
  leave_stream(H2Code::Cancel);
  if (phase_ != Phase::Over) {
    parts_.metrics.request_ended(request_.method, answer_.status(), parts_.loop.now() - started_);
  }
}

void IngressExchange::start() {
  attempt();
}

void IngressExchange::attempt() {
  Result<TunnelId> tunnel = job_.tunnel();
  if (!tunnel) {
    wait_for_connection(tunnel.error());
    return;
  }
  if (mate_) {
    tunnel = *mate_;
  }
  if (tunnel_ != tunnel.value()) {
    tunnel_ = std::move(tunnel).value();
    parts_.ledger.retries().request_started(tunnel_, parts_.loop.now());
  }
  TunnelConnection* connection = parts_.roster.choose(tunnel_, failed_on_);
  if (connection == nullptr && failed_on_ != nullptr && !mate_) {
    // No other connection of it: a pool mate, else the same one again.
    mate_ = job_.mate();
    connection = parts_.roster.choose(mate_.value_or(tunnel_), nullptr);
    tunnel_ = mate_.value_or(tunnel_);
  }
  if (connection == nullptr) {
    wait_for_connection(
        Error(ErrorKind::Unreachable, "the tunnel has no free connection right now"));
    return;
  }
  open_on(*connection);
}

void IngressExchange::open_on(TunnelConnection& connection) {
  const bool no_body = upload_.nothing_to_send();
  Result<StreamId> stream = connection.link().open(request_.h2, no_body, *this);
  if (!stream) {
    wait_for_connection(stream.error());
    return;
  }
  if (retries_ > 0) {
    parts_.metrics.retried(retry_reason_, "sent");
  }
  connection_ = &connection;
  stream_ = stream.value();
  phase_ = Phase::Sent;
  timer_.cancel();
  parts_.metrics.stream_waited(parts_.loop.now() - started_);
  if (request_.expects_continue && !upload_.started() && !upload_.ended()) {
    timer_.start(limits::kExpectContinueFallback, [this] {
      ResponseHead go_on;
      go_on.status = 100;
      answer_.informational(std::move(go_on));
    });
  }
  if (!no_body) {
    upload_.replay(target());
  }
  listener_.on_exchange_wants_bytes();
}

void IngressExchange::wait_for_connection(const Error& why) {
  const Instant deadline = started_ + parts_.config.request_wait;
  if (why.kind() == ErrorKind::NotFound || why.kind() == ErrorKind::Exhausted ||
      parts_.loop.now() >= deadline) {
    const bool overloaded = why.kind() == ErrorKind::Exhausted;
    fail(overloaded ? ProxyErrorReason::Overloaded : ProxyErrorReason::NoTunnel, why.sentence());
    return;
  }
  phase_ = Phase::Waiting;
  parts_.roster.wait(*this);
  const Duration left = deadline - parts_.loop.now();
  timer_.start(std::min(kLookAgain, left), [this] {
    parts_.roster.stop_waiting(*this);
    attempt();
  });
}

void IngressExchange::on_connection_free() {
  timer_.cancel();
  attempt();
}

void IngressExchange::attempt_failed(FailurePoint point) {
  FailedAttempt attempt_made;
  // A WebSocket is a GET that must not be repeated.
  attempt_made.method = request_.method;
  if (request_.kind == IngressKind::WebSocket) {
    attempt_made.method = "CONNECT";
  }
  attempt_made.point = point;
  attempt_made.response_started = answer_.head_sent();
  attempt_made.body_replayable = upload_.replayable();
  attempt_made.retries_done = retries_;
  if (point == FailurePoint::Lost && !mate_) {
    mate_ = job_.mate();
  }
  const RetryVerdict verdict =
      parts_.ledger.retries().decide(mate_.value_or(tunnel_), attempt_made, parts_.loop.now());
  if (verdict.decision == RetryDecision::GiveUp) {
    parts_.metrics.retried(point == FailurePoint::Refused ? "refused" : "lost",
                           to_text(verdict.refusal));
    fail(point == FailurePoint::Refused ? ProxyErrorReason::Overloaded
                                        : ProxyErrorReason::ConnectionTerminated,
         point == FailurePoint::Refused ? "the tunnel's worker refused the request"
                                        : "the tunnel connection ended before the site answered");
    return;
  }
  ++retries_;
  retry_reason_ = point == FailurePoint::Refused ? "refused" : "lost";
  if (verdict.decision == RetryDecision::PoolMate && !mate_) {
    mate_ = job_.mate();
  }
  attempt();
}

std::size_t IngressExchange::receive(ByteView bytes) {
  // Nothing goes into a CONNECT or WebSocket before it stands (RFC 9110 section 9.3.6).
  if (!stream_ || (request_.kind != IngressKind::Exchange && !answer_.is_raw())) {
    return 0;
  }
  const std::size_t taken = upload_.receive(bytes, target());
  if (upload_.started() && request_.expects_continue && phase_ == Phase::Sent) {
    timer_.cancel();
  }
  if (response_ended_) {
    watch_half_close();
  }
  if (upload_.refused()) {
    upload_refused();
  }
  return taken;
}

void IngressExchange::note_read(std::size_t size) {
  if (stream_ && begin_turns(browser_, size, upload_.plain_bytes())) {
    offer();
  }
}

void IngressExchange::offer() {
  if (stream_) {
    connection_->link().offer(*stream_);
  }
}

std::size_t IngressExchange::on_turn(Room room) {
  const std::size_t count = take_turn(browser_, room, upload_.plain_bytes());
  upload_.skip(count);
  if (response_ended_) {
    watch_half_close();
  }
  return count;
}

void IngressExchange::upload_refused() {
  leave_stream(H2Code::Cancel);
  if (answer_.head_sent()) {
    finish(ExchangeEnd::Cut);
    return;
  }
  const HeadProblem& problem = upload_.problem();
  answer_.refusal(parts_.node, {problem.status, "http_request_error", problem.sentence}, Fields{});
  finish(ExchangeEnd::Close);
}

void IngressExchange::receive_end() {
  browser_ended_ = true;
  if (phase_ == Phase::Over) {
    return;
  }
  if (answer_.kept_back()) {
    pass_on_answer();
  }
  if (answer_.is_raw()) {
    if (stream_) {
      upload_.end_raw(target());
    }
    if (response_ended_) {
      leave_stream(H2Code::NoError);
      finish(ExchangeEnd::Close);
    } else {
      watch_half_close();
    }
    return;
  }
  if (!upload_.ended()) {
    leave_stream(H2Code::Cancel);
    finish(ExchangeEnd::Cut);
    return;
  }
  watch_half_close();
}

// A half-closed way stays open as long as something moves on it. Of an exchange a browser that goes
// away does the same as a client that only has no more to say: its stream is not kept for long.
void IngressExchange::watch_half_close() {
  timer_.start(answer_.is_raw() ? limits::kHalfCloseIdle : kAbandoned, [this] {
    if (!answer_.is_raw() && answer_.queued() > 0) {
      watch_half_close();  // it reads slowly; one that has gone would have refused this
      return;
    }
    leave_stream(H2Code::Cancel);
    finish(ExchangeEnd::Cut);
  });
}

void IngressExchange::on_send_space() {
  listener_.on_exchange_wants_bytes();
}

void IngressExchange::on_stream_closed(H2Code code) {
  failed_on_ = std::exchange(connection_, nullptr);
  stream_.reset();
  held_ = 0;
  parts_.roster.stream_ended();
  if (phase_ == Phase::Over) {
    return;
  }
  if (phase_ == Phase::Sent || answer_.take_back()) {
    phase_ = Phase::Sent;
    timer_.cancel();
    attempt_failed(failure_of(code));
    return;
  }
  const bool both_ended = response_ended_ && upload_.ended();
  finish(answer_.is_raw() && both_ended && code == H2Code::NoError ? ExchangeEnd::Close
                                                                   : ExchangeEnd::Cut);
}

void IngressExchange::fail(ProxyErrorReason reason, std::string details) {
  timer_.cancel();
  if (answer_.head_sent()) {
    finish(ExchangeEnd::Cut);
    return;
  }
  const ProxyErrorOrigin origin =
      reason == ProxyErrorReason::NoTunnel || reason == ProxyErrorReason::Overloaded
          ? ProxyErrorOrigin::Server
          : ProxyErrorOrigin::Worker;
  parts_.metrics.error_generated(to_text(origin), to_text(reason));
  answer_.error(parts_.node, {reason, origin, std::move(details)});
  finish(ExchangeEnd::Close);
}

void IngressExchange::leave_stream(H2Code code) {
  if (!stream_) {
    return;
  }
  TunnelConnection* connection = std::exchange(connection_, nullptr);
  const StreamId stream = *std::exchange(stream_, std::nullopt);
  if (code != H2Code::NoError) {
    connection->link().reset(stream, code);
  }
  connection->link().forget(stream);
  parts_.roster.stream_ended();
}

void IngressExchange::log_request(Duration took) const {
  if (!parts_.log.wants(LogLevel::Debug)) {
    return;
  }
  parts_.log.debug("ingress",
                   "request",
                   {{"client", client_},
                    {"method", request_.method},
                    {"to", destination_},
                    {"status", std::to_string(answer_.status())},
                    {"bytes", std::to_string(answer_.body_bytes())},
                    {"took", std::to_string(took / 1us) + "us"},
                    {"tunnel", tunnel_.value},
                    {"retries", std::to_string(retries_)},
                    {"request", request_.request_id}});
}

void IngressExchange::finish(ExchangeEnd end) {
  if (phase_ == Phase::Over) {
    return;
  }
  phase_ = Phase::Over;
  browser_.read_as_it_comes();
  answer_.flush();
  timer_.cancel();
  job_.end_request();
  parts_.roster.stop_waiting(*this);
  const Duration took = parts_.loop.now() - started_;
  parts_.metrics.request_ended(request_.method, answer_.status(), took);
  log_request(took);
  listener_.on_exchange_over(end);
}

}  // namespace scpool::server
