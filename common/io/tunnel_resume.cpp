// A connection that is cut and goes on: HTTP/2 and its streams stay, timers of the connection
// pause, and a new Stream takes the old one's place.
#include <utility>

#include "common/io/tunnel_pump.hpp"

namespace scpool {

// TCP or TLS is gone, or silent.
void TunnelLink::Pump::lose(const Error& error) {
  if (peer_error_.has_value() || !suspend()) {
    fail(peer_error_.value_or(error));
  } else if (phase_ == Phase::Draining && users_streams() == 0) {
    finish();  // nobody needs it any more
  } else {
    listener_->on_link_suspended(error);
  }
}

bool TunnelLink::Pump::may_be_suspended() const {
  const bool established = phase_ == Phase::Ready || phase_ == Phase::Draining;
  return established && carrier_.resumable() && settings_.carrier.hold > Duration::zero();
}

bool TunnelLink::Pump::suspend() {
  if (suspended() || !may_be_suspended()) {
    return suspended();
  }
  stream_.reset();
  early_.clear();
  waits_for_socket_ = false;
  next_turn_.cancel();
  carrier_.interrupt();
  suspended_until_ = loop_.now() + settings_.carrier.hold;
  suspect_ = false;
  arm_deadline();
  return true;
}

bool TunnelLink::Pump::can_resume(std::uint64_t peer_received) const {
  return may_be_suspended() && carrier_.can_resume(peer_received);
}

std::uint64_t TunnelLink::Pump::resume(std::unique_ptr<Stream> stream,
                                       ByteView already_read,
                                       std::uint64_t from) {
  SCPOOL_CHECK(suspended() && can_resume(from));
  const Instant now = loop_.now();
  stream_ = std::move(stream);
  stream_->set_listener(this);
  early_.assign(already_read.begin(), already_read.end());
  suspended_until_ = kNever;
  const std::uint64_t replayed = carrier_.resume(from);
  small_records_left_ = limits::kSmallRecordBytes;
  liveness_.restart(now);
  send_ping(now);
  canary_.failures = 0;
  if (is_server() && phase_ == Phase::Ready) {
    canary_.next = canary_.stream.has_value() ? now + settings_.canary_period : now;
  }
  next_sync_ = now + settings_.sync_period;
  missing_.clear();
  stream_->resume_reading();
  touch();
  return replayed;
}

void TunnelLink::Pump::give_up(const Error& why) {
  if (suspended() && !over()) {
    fail(why);
  }
}

}  // namespace scpool
