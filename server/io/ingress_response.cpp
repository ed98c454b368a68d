// The half of an exchange that answers: what the worker sends, until all of it is the browser's.
#include <algorithm>
#include <utility>

#include "common/base/byte_parts.hpp"
#include "common/http/field_rules.hpp"
#include "server/io/ingress_exchange.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

// A short answer waits at most so long for its end. Its worker may die before, and what the browser
// has not seen can be asked for again.
constexpr Duration kKeptBack = 100ms;

}  // namespace

void IngressExchange::on_head(Fields list) {
  std::optional<ResponseHead> head = from_h2_response(std::move(list));
  if (!head) {
    leave_stream(H2Code::ProtocolError);
    fail(ProxyErrorReason::HttpProtocolError, "the worker's answer is malformed");
    return;
  }
  if (request_.expects_continue) {
    timer_.cancel();
  }
  if (head->status < 200) {
    answer_.informational(std::move(*head));
    return;
  }
  answer_head(std::move(*head));
}

void IngressExchange::answer_head(ResponseHead&& head) {
  phase_ = Phase::Answering;
  add_via(head.fields, "2", parts_.node);
  // A browser that is still sending its body must not take the rest for a new request.
  answer_.head(std::move(head), upload_.ended() && !browser_ended_);
  if (!browser_ended_) {
    answer_.keep_back();
  }
  if (!answer_.kept_back()) {
    pass_on_answer();
  }
  if (answer_.is_raw()) {
    listener_.on_exchange_wants_bytes();
  }
}

// Nothing is asked again, and the answer may be a stream of hours.
void IngressExchange::pass_on_answer() {
  upload_.forget_kept();
  request_.h2 = Fields();
  if (answer_.kept_back()) {
    answer_.flush();
    release_credit();
  }
}

void IngressExchange::turn_ended() {
  release_credit();
  if (answer_.kept_back() && !timer_.armed()) {
    timer_.start(kKeptBack, [this] { pass_on_answer(); });
  }
}

void IngressExchange::on_body(std::span<const ByteView> parts) {
  held_ += total_size(parts);
  if (answer_.body(parts) == BrowserAnswer::BodyVerdict::TooLong) {
    if (request_.method == "HEAD" || answer_.status() == 204 || answer_.status() == 304) {
      return;  // a body where none may be: dropped
    }
    leave_stream(H2Code::ProtocolError);
    finish(ExchangeEnd::Cut);
    return;
  }
  if (browser_ended_) {
    watch_half_close();
  }
  release_credit();
}

// The worker gets credit for what the browser's socket has taken.
void IngressExchange::release_credit() {
  const std::size_t waiting = std::min(held_, answer_.queued());
  const std::size_t gone = held_ - waiting;
  if (gone > 0 && stream_) {
    held_ = waiting;
    connection_->link().consumed(*stream_, gone);
  }
}

void IngressExchange::browser_drained() {
  release_credit();
}

void IngressExchange::on_trailers(Fields trailers) {
  response_trailers_ = from_h2_trailers(std::move(trailers));
}

void IngressExchange::on_end() {
  if (phase_ != Phase::Answering) {
    leave_stream(H2Code::ProtocolError);
    attempt_failed(FailurePoint::Lost);
    return;
  }
  response_ended_ = true;
  if (answer_.is_raw()) {
    if (upload_.ended()) {
      leave_stream(H2Code::NoError);
      finish(ExchangeEnd::Close);
    } else {
      answer_.flush();
      browser_.end();
      watch_half_close();
    }
    return;
  }
  const bool complete = answer_.end(response_trailers_);
  const bool reusable = complete && upload_.ended() && answer_.keeps_connection();
  leave_stream(upload_.ended() ? H2Code::NoError : H2Code::Cancel);
  finish(!complete ? ExchangeEnd::Cut : reusable ? ExchangeEnd::KeepAlive : ExchangeEnd::Close);
}

}  // namespace scpool::server
