#include "worker/io/tunnel_dial.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/socket_address.hpp"
#include "common/tls/proof.hpp"
#include "common/tunnel/tunnel_resource.hpp"

namespace scpool::worker {

namespace {

// What of a refusal's body is kept.
constexpr std::size_t kMaxRefusal = 4096;

std::optional<Duration> retry_after_of(const Fields& fields) {
  const auto value = fields.find("retry-after");
  const auto seconds = value ? parse_number(trim(*value)) : std::nullopt;
  if (!seconds) {
    return std::nullopt;
  }
  return std::chrono::seconds{std::min<std::uint64_t>(*seconds, 86400)};
}

}  // namespace

TunnelDial::TunnelDial(EventLoop& loop,
                       const TlsContext& tls,
                       TunnelDialSettings settings,
                       TunnelDialListener& listener)
    : loop_(loop),
      tls_(tls),
      settings_(std::move(settings)),
      listener_(listener),
      started_(loop.now()),
      budget_(loop),
      answer_(HeadParser::Kind::Response, HeadLimits{.max_head = limits::kMaxUpgradeHead}) {
  budget_.start(settings_.connect_timeout, [this] {
    fail({.sentence = "no TLS connection within " + duration_text(settings_.connect_timeout)});
  });
  dialer_ = std::make_unique<AddressDialer>(
      loop,
      settings_.address.empty() ? settings_.host : settings_.address,
      settings_.port,
      settings_.rotation,
      [this](Result<std::unique_ptr<Stream>> stream) { dialled(std::move(stream)); },
      settings_.again_after);
}

TunnelDial::~TunnelDial() = default;

void TunnelDial::dialled(Result<std::unique_ptr<Stream>> stream) {
  loop_.retire(std::move(dialer_));
  if (!stream.ok()) {
    fail({.sentence = stream.error().sentence()});
    return;
  }
  stream_ = std::move(stream).value();
  tune_tunnel(stream_->descriptor());
  peer_ = stream_->peer();
  stream_->set_listener(this);
  stream_->start_tls(TlsSession::connect(tls_, settings_.host));
}

void TunnelDial::on_open() {
  budget_.start(settings_.timeout - (loop_.now() - started_), [this] {
    fail({.sentence = "no tunnel within " + duration_text(settings_.timeout)});
  });
  send_upgrade();
}

void TunnelDial::send_upgrade() {
  const Bytes binding = stream_->tls()->channel_binding();
  UpgradeRequest request;
  request.tunnel = settings_.tunnel;
  request.hello.instance = settings_.instance;
  request.hello.connection = settings_.connection;
  request.hello.epoch = settings_.epoch;
  request.hello.attempts = settings_.attempts;
  request.hello.features = {"drain", "canary", "sync"};
  if (settings_.carrier) {
    request.hello.features.emplace_back("carrier");
  }
  request.proof = tunnel_proof(settings_.secret,
                               binding,
                               {.tunnel_id = settings_.tunnel.value,
                                .instance = settings_.instance,
                                .connection = settings_.connection,
                                .epoch = settings_.epoch});
  std::uint64_t received = 0;
  if (const ResumableSession* session = listener_.session_to_resume(received)) {
    request.resume =
        ResumeRequest{session->id,
                      received,
                      resume_proof(session->key, binding, session->id, settings_.epoch, received)};
  }
  std::string text;
  write_head(upgrade_request_head(request, settings_.host), text);
  stream_->write(text);
}

void TunnelDial::on_bytes(ByteView bytes) {
  if (answer_.state() == HeadParser::State::NeedMore) {
    bytes = bytes.subspan(answer_.receive(bytes));
    if (answer_.state() == HeadParser::State::Refused) {
      fail({.sentence = "the answer to the upgrade is malformed: " + answer_.problem().sentence});
      return;
    }
    if (answer_.state() == HeadParser::State::NeedMore) {
      return;
    }
  }
  if (answer_.response().status == 101) {
    take_answer(bytes);
  } else {
    take_refusal(bytes);
  }
}

void TunnelDial::take_answer(ByteView rest) {
  Result<TunnelSessionAnswer> answer = parse_upgrade_answer(answer_.response());
  if (!answer.ok()) {
    fail({.sentence = answer.error().sentence()});
    return;
  }
  ended_ = true;
  budget_.cancel();
  stream_->set_listener(nullptr);
  listener_.on_dialled({std::move(stream_), rest, std::move(answer).value(), peer_});
}

// A refusal's short body says why in words; it is awaited until it is whole or the server closes.
void TunnelDial::take_refusal(ByteView bytes) {
  refusal_.append(as_text(bytes).substr(0, kMaxRefusal - refusal_.size()));
  const ResponseHead& head = answer_.response();
  const auto length_text = head.fields.find("content-length");
  const auto length = length_text ? parse_number(*length_text) : std::nullopt;
  if (refusal_.size() >= kMaxRefusal || (length && refusal_.size() >= *length)) {
    on_end();
  }
}

void TunnelDial::on_end() {
  if (answer_.state() != HeadParser::State::Done) {
    fail({.sentence = "the server closed the connection before it answered the upgrade"});
    return;
  }
  const ResponseHead& head = answer_.response();
  fail({.status = head.status,
        .retry_after = retry_after_of(head.fields),
        .sentence = error_sentence(head.status, refusal_)});
}

void TunnelDial::on_failed(const Error& error) {
  if (answer_.state() == HeadParser::State::Done) {
    on_end();
    return;
  }
  fail({.sentence = error.sentence()});
}

void TunnelDial::fail(const DialFailure& failure) {
  if (ended_) {
    return;
  }
  ended_ = true;
  budget_.cancel();
  if (dialer_ != nullptr) {
    loop_.retire(std::move(dialer_));
  }
  stream_.reset();
  listener_.on_dial_failed(failure);
}

}  // namespace scpool::worker
