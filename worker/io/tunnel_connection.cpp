#include "worker/io/tunnel_connection.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::worker {

namespace {

using namespace std::chrono_literals;

// While a cut session waits, nothing may keep the next SYN from going out soon after the link is
// back: one is sent at least this often, and an attempt that hears nothing makes room for the next.
// Slow paths get more with each attempt.
constexpr Duration kResumeAgainAfter = 500ms;
Duration resume_connect_timeout(std::uint32_t attempts) {
  return std::min<Duration>(2s + attempts * 250ms, limits::kTlsHandshakeTimeout);
}

}  // namespace

TunnelConnection::TunnelConnection(EventLoop& loop,
                                   const TlsContext& tls,
                                   TunnelDialSettings settings,
                                   const TunnelUse& use,
                                   TunnelConnectionListener& listener)
    : loop_(loop),
      tls_(tls),
      settings_(std::move(settings)),
      use_(use),
      listener_(listener),
      started_(loop.now()),
      budget_(loop) {
  dial();
}

TunnelConnection::~TunnelConnection() = default;

void TunnelConnection::dial() {
  TunnelDialListener& self = *this;
  if (dial_ != nullptr) {
    loop_.retire(std::move(dial_));
  }
  dial_ = std::make_unique<TunnelDial>(loop_, tls_, settings_, self);
}

void TunnelConnection::resume(std::uint64_t epoch, std::uint32_t attempts) {
  settings_.epoch = epoch;
  settings_.attempts = attempts;
  // The address that holds the session; now and then by name, in case it has moved.
  constexpr std::uint32_t kByName = 4;
  settings_.address = attempts % kByName == 0 || !peer_ ? std::string() : peer_->address;
  settings_.connect_timeout = resume_connect_timeout(attempts);
  settings_.timeout = settings_.connect_timeout + 5s;
  settings_.again_after = kResumeAgainAfter;
  dial();
}

const ResumableSession* TunnelConnection::session_to_resume(std::uint64_t& received) {
  if (link_ == nullptr || session_.id.empty()) {
    return nullptr;
  }
  if (!suspended_since_ && link_->suspend()) {
    on_link_suspended(Error(ErrorKind::Closed, "another connection takes its place"));
  }
  received = link_->received();
  return &session_;
}

void TunnelConnection::on_dialled(DialledTunnel dialled) {
  drop_dial();
  local_ = dialled.stream->local();
  if (dialled.peer) {
    peer_ = dialled.peer;
  }
  if (link_ == nullptr) {
    open_link(std::move(dialled));
    return;
  }
  const std::optional<std::uint64_t> from = dialled.answer.resumed_received;
  if (!from || !link_->can_resume(*from)) {
    constexpr int kConflict = 409;
    listener_.on_dial_failed(
        *this, {.status = kConflict, .sentence = "the server did not go on with the session"});
    return;
  }
  const Duration outage = loop_.now() - suspended_since_.value_or(loop_.now());
  suspended_since_.reset();
  session_.epoch = settings_.epoch;
  const std::uint64_t replayed =
      link_->resume(std::move(dialled.stream), dialled.already_read, *from);
  listener_.on_resumed(*this, outage, replayed);
}

void TunnelConnection::open_link(DialledTunnel dialled) {
  budget_.start(limits::kTunnelHandshakeTimeout - (loop_.now() - started_), [this] {
    fail({.sentence = "no tunnel within " + duration_text(limits::kTunnelHandshakeTimeout)});
  });
  const TunnelSessionAnswer& answer = dialled.answer;
  TunnelLinkSettings link;
  link.side = TunnelLinkSettings::Side::Worker;
  link.h2.max_concurrent_streams = std::min(use_.max_streams, answer.max_streams);
  link.h2.enable_connect_protocol = true;
  link.liveness.ping_idle = answer.ping;
  session_.epoch = settings_.epoch;
  if (settings_.carrier && answer.carrier) {
    session_.id = answer.session;
    session_.key = answer.key;
    link.carrier.on = true;
    link.carrier.cap = use_.carrier_cap;
    link.carrier.hold = std::min(answer.hold, limits::kMaxCarrierHold);
  }
  TunnelLinkListener& self = *this;
  link_ = std::make_unique<TunnelLink>(
      loop_, std::move(dialled.stream), dialled.already_read, link, self);
}

void TunnelConnection::on_dial_failed(const DialFailure& failure) {
  drop_dial();
  if (link_ == nullptr) {
    fail(failure);
  } else {
    listener_.on_dial_failed(*this, failure);
  }
}

void TunnelConnection::fail(const DialFailure& failure) {
  if (ended_) {
    return;
  }
  close();
  listener_.on_dial_failed(*this, failure);
}

void TunnelConnection::close() {
  ended_ = true;
  budget_.cancel();
  drop_dial();
  if (link_ != nullptr) {
    link_->close(H2Code::NoError);
    loop_.retire(std::move(link_));
  }
}

void TunnelConnection::drop_dial() {
  if (dial_ != nullptr) {
    loop_.retire(std::move(dial_));
  }
}

void TunnelConnection::give_up(const std::string& why) {
  if (link_ != nullptr) {
    link_->give_up(Error(ErrorKind::Closed, why));
  }
}

void TunnelConnection::on_link_ready() {
  budget_.cancel();
  connected_ = true;
  connect_duration_ = loop_.now() - started_;
  listener_.on_connected(*this);
}

void TunnelConnection::on_request(StreamId stream, Fields head) {
  listener_.on_request(*this, stream, std::move(head));
}

void TunnelConnection::on_control(const ControlMessage& message) {
  listener_.on_control(*this, message);
}

void TunnelConnection::on_suspect(bool suspect) {
  listener_.on_suspect(*this, suspect);
}

void TunnelConnection::on_link_suspended(const Error& why) {
  suspended_since_ = loop_.now();
  listener_.on_suspended(*this, why);
}

void TunnelConnection::on_link_closed(const Error& error) {
  if (ended_) {
    return;
  }
  ended_ = true;
  budget_.cancel();
  drop_dial();
  if (connected_) {
    listener_.on_closed(*this, error);
  } else {
    listener_.on_dial_failed(*this, {.sentence = error.sentence()});
  }
}

}  // namespace scpool::worker
