#include "server/io/ingress_connection.hpp"

#include <utility>

#include "common/http/field_rules.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPending = 64 * 1024;
constexpr Duration kLinger = 2s;  // for a browser that still sends when its answer is complete

std::string address_of(const Stream& stream) {
  const std::optional<Endpoint> peer = stream.peer();
  return peer ? peer->address : "unknown";
}

}  // namespace

IngressConnection::IngressConnection(ServerParts& parts,
                                     const IngressConfig& config,
                                     std::unique_ptr<Stream> stream,
                                     IngressConnectionListener& listener)
    : parts_(parts),
      listener_(listener),
      stream_(std::move(stream)),
      login_(parts, config, address_of(*stream_)),
      deadline_(parts.loop, [this] { deadline_passed(); }) {
  expect_request();
  stream_->set_listener(this);
}

IngressConnection::~IngressConnection() = default;

void IngressConnection::expect_request() {
  state_ = State::Reading;
  parser_.restart();
  watch_idle();
}

void IngressConnection::watch_idle() {
  queued_before_ = 0;
  wake_after(limits::kKeepAliveIdle);
}

void IngressConnection::deadline_passed() {
  if (state_ == State::Exchanging) {
    return;  // armed for what came before
  }
  if (state_ == State::Reading && parser_.started()) {
    refuse({408, "", "the request head took too long"}, Fields{}, "GET");
    return;
  }
  // A browser that still takes in the last answer, however slowly, is not idle.
  const std::size_t queued = stream_->queued();
  if (queued == 0 || queued == queued_before_) {
    over();
  } else {
    queued_before_ = queued;
    wake_after(limits::kKeepAliveIdle);
  }
}

void IngressConnection::on_bytes(ByteView bytes) {
  const std::size_t size = bytes.size();
  if (state_ == State::Lingering || state_ == State::Over) {
    return;
  }
  if (pending_.empty()) {
    pumping_ = true;
    const std::size_t used = feed(bytes);
    pumping_ = false;
    bytes = bytes.subspan(used);
  }
  if (state_ == State::Reading || state_ == State::Exchanging) {
    pending_.append(bytes);
    pump();
  }
  if (pending_.empty() && state_ == State::Exchanging) {
    exchange_->note_read(size);
  }
}

void IngressConnection::on_readable() {
  if (state_ == State::Exchanging) {
    exchange_->offer();
  }
}

// Bytes that were kept back, as long as anybody takes them.
void IngressConnection::pump() {
  if (pumping_) {
    return;
  }
  pumping_ = true;
  settle_exchange();
  while (!pending_.empty() && (state_ == State::Reading || state_ == State::Exchanging)) {
    const std::size_t used = feed(pending_.front());
    if (used == 0) {
      break;
    }
    pending_.drop(used);
  }
  if (browser_ended_ && state_ == State::Reading) {
    end_after_answer();
  } else if (browser_ended_ && state_ == State::Exchanging) {
    tell_end();
    settle_exchange();
  }
  pumping_ = false;
  adjust_reading();
}

std::size_t IngressConnection::feed(ByteView bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && (state_ == State::Reading || state_ == State::Exchanging)) {
    const State before = state_;
    const std::size_t count = step(bytes.subspan(used));
    used += count;
    settle_exchange();
    if (count == 0 && state_ == before) {
      break;
    }
  }
  return used;
}

std::size_t IngressConnection::step(ByteView bytes) {
  if (state_ == State::Exchanging) {
    return exchange_->took_whole_request() ? 0 : exchange_->receive(bytes);
  }
  const bool first = !parser_.started();
  const std::size_t used = parser_.receive(bytes);
  if (parser_.state() == HeadParser::State::Refused) {
    const HeadProblem& problem = parser_.problem();
    refuse({problem.status, "http_request_error", problem.sentence}, Fields{}, "GET");
  } else if (parser_.state() == HeadParser::State::Done) {
    begin_request(parser_.request());
  } else if (first && parser_.started()) {
    wake_after(limits::kHeadTimeout);
  }
  return used;
}

void IngressConnection::begin_request(RequestHead& head) {
  Fields more;
  if (const auto refusal = login_.judge(head.fields, more)) {
    refuse(*refusal, more, head.method);
    return;
  }
  if (const auto refusal = read_ingress_request(std::move(head), parts_.node, request_)) {
    refuse(*refusal, Fields{}, request_.method);
    return;
  }
  if (draining_) {
    request_.keep_alive = false;
  }
  if (request_.kind == IngressKind::LocalOptions) {
    answer_options(request_);
    return;
  }
  state_ = State::Exchanging;
  exchange_ = std::make_unique<IngressExchange>(
      parts_, login_.job(), *stream_, request_, login_.client(), *this);
  exchange_->start();
}

void IngressConnection::answer_options(const IngressRequest& request) {
  ResponseHead head;
  head.status = 200;
  head.reason = reason_phrase(head.status);
  head.fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT");
  head.fields.add("Content-Length", "0");
  head.fields.add("Connection", "close");
  head.fields.add("X-Request-Id", request.request_id);
  std::string text;
  write_head(head, text);
  stream_->write(text);
  linger();
}

void IngressConnection::refuse(const IngressRefusal& refusal,
                               const Fields& more,
                               const std::string& method) {
  IngressRequest request;
  request.method = method;
  request.request_id = random_id(16);
  parts_.metrics.request_started();
  BrowserAnswer(parts_.loop, *stream_, request, {}).refusal(parts_.node, refusal, more);
  parts_.metrics.request_ended(method, refusal.status, Duration::zero());
  parts_.log.debug("ingress",
                   "refused",
                   {{"client", login_.client()},
                    {"status", std::to_string(refusal.status)},
                    {"why", refusal.sentence}});
  linger();
}

// Sends the rest and a FIN, then waits for the browser's: closing at once would make the kernel
// answer with a RST, which can take the answer away from the browser (RFC 9112 section 9.6).
void IngressConnection::linger() {
  state_ = State::Lingering;
  pending_.clear();
  stream_->end();
  if (std::exchange(paused_, false)) {
    stream_->resume_reading();
  }
  watch_idle();
  stream_->when_sent([this] {
    if (browser_ended_) {
      over();
    } else {
      wake_after(kLinger);
    }
  });
}

// For a browser that has no more to say, but may still take in the last answer.
void IngressConnection::end_after_answer() {
  if (stream_->queued() > 0) {
    linger();
  } else {
    over();
  }
}

void IngressConnection::on_exchange_over(ExchangeEnd end) {
  exchange_end_ = end;
  pump();
}

void IngressConnection::on_exchange_wants_bytes() {
  pump();
}

void IngressConnection::settle_exchange() {
  if (!exchange_end_ || state_ != State::Exchanging) {
    return;
  }
  const ExchangeEnd end = *std::exchange(exchange_end_, std::nullopt);
  parts_.loop.retire(std::move(exchange_));
  switch (end) {
    case ExchangeEnd::KeepAlive:
      if (draining_) {
        linger();
      } else {
        expect_request();
      }
      break;
    case ExchangeEnd::Close:
      linger();
      break;
    case ExchangeEnd::Cut:
      // RST: nobody may take what came for a whole answer.
      stream_->reset();
      over();
      break;
  }
}

void IngressConnection::on_end() {
  browser_ended_ = true;
  switch (state_) {
    case State::Reading:
      end_after_answer();
      break;
    case State::Exchanging:
      pump();
      break;
    case State::Lingering:
      stream_->when_sent([this] { over(); });
      break;
    case State::Over:
      break;
  }
}

// Once everything before it has been taken.
void IngressConnection::tell_end() {
  if (!end_told_ && (pending_.empty() || exchange_->took_whole_request())) {
    end_told_ = true;
    exchange_->receive_end();
  }
}

void IngressConnection::on_drained() {
  if (exchange_ && state_ == State::Exchanging) {
    exchange_->browser_drained();
  }
}

void IngressConnection::on_failed(const Error& /*error*/) {
  over();
}

void IngressConnection::adjust_reading() {
  if (state_ != State::Reading && state_ != State::Exchanging) {
    return;
  }
  const bool full = pending_.size() >= kMaxPending;
  if (full != paused_) {
    paused_ = full;
    full ? stream_->pause_reading() : stream_->resume_reading();
  }
}

void IngressConnection::drain() {
  draining_ = true;
  if (state_ == State::Reading && !parser_.started()) {
    linger();
  }
}

void IngressConnection::over() {
  if (state_ == State::Over) {
    return;
  }
  state_ = State::Over;
  deadline_.arm(kNever);
  parts_.loop.retire(std::move(exchange_));
  listener_.on_ingress_over(*this);
}

}  // namespace scpool::server
