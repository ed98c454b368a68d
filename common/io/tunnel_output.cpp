// The writing half of a tunnel connection: batches, and how it ends.
#include <algorithm>
#include <limits>
#include <utility>

#include "common/io/tunnel_pump.hpp"

namespace scpool {
namespace {

constexpr std::size_t kRecord = 16 * 1024;
// A record that fits one segment of any path arrives, and can be read, by itself.
constexpr std::size_t kFirstRecord = 1300;
constexpr std::size_t kSmallRecord = 4 * 1024;
constexpr std::size_t kFirstRecords = 10 * kFirstRecord;

}  // namespace

// At the end of a turn: one batch.
void TunnelLink::Pump::flush() {
  if (over()) {
    return;
  }
  flushing_ = true;
  touched_ = false;
  const bool was_quiet = loop_.now() - last_write_ >= limits::kIdleRestart;
  receive_early();
  if (!over()) {
    if (!suspended()) {
      write_out();
    }
    deliver(h2_.take_events());
    go_on_draining();
    const bool used = users_streams() > 0;
    if (was_quiet && !used) {
      h2_.rest();
    }
    if (!suspended()) {
      stream_->keep_tls_buffers(used);
    }
  }
  flushing_ = false;
  if (over() || phase_ == Phase::Closing) {
    return;
  }
  arm_deadline();
  if (h2_.failure().has_value()) {
    fail(*h2_.failure());
  } else if (!suspended()) {
    go_on_writing();
  }
}

void TunnelLink::Pump::go_on_writing() {
  const bool has_room = carrier_.send_room() > 0;  // else the peer's next ACK leads here
  if (stream_->queued() > 0) {
    if (!waits_for_socket_) {
      waits_for_socket_ = true;
      stream_->when_sent([this] {
        waits_for_socket_ = false;
        touch();
      });
    }
  } else if (touched_ || carrier_.unwritten() > 0 || (h2_.wants_write() && has_room)) {
    // A new turn, in which others come first; through a timer, for that costs no system call.
    next_turn_.start(Duration::zero(), [this] { touch(); });
  } else if (phase_ == Phase::Draining && h2_.finished()) {
    say_goodbye(Carrier::End::Done);
  }
}

void TunnelLink::Pump::write_out() {
  const std::size_t waiting = stream_->queued() + carrier_.unwritten();
  if (waiting < limits::kMaxUnsentBytes) {
    const std::size_t space = limits::kMaxUnsentBytes - waiting;
    // Whole records, unless what waits already leaves no room for one.
    constexpr std::size_t kRecord = limits::kCarrierPayload;
    const std::size_t target =
        std::min(space >= kRecord ? space / kRecord * kRecord : space, carrier_.send_room());
    h2_.set_round_trip(liveness_.round_trip().value_or(Duration::zero()), loop_.now());
    pull(target);
  }
  write_batch(limits::kMaxUnsentBytes);
}

void TunnelLink::Pump::pull(std::size_t target) {
  h2_.pull(outgoing_, target, this);
  sent_bytes_ += outgoing_.size();
  carrier_.accept(outgoing_);
}

std::size_t TunnelLink::Pump::fill(StreamId stream, Room room) {
  TunnelStreamListener* user = listener_of(stream);
  return user == nullptr ? 0 : user->on_turn(room);
}

// Until so much waits for the socket.
void TunnelLink::Pump::write_batch(std::size_t most_queued) {
  const Instant now = loop_.now();
  if (carrier_.unwritten() > 0) {
    if (now - last_write_ >= limits::kIdleRestart) {
      small_records_left_ = limits::kSmallRecordBytes;
    }
    last_write_ = now;
    liveness_.bytes_sent(now);
  }
  const auto write = [this](std::span<const ByteView> parts) { stream_->write_parts(parts); };
  stream_->cork();
  bool more = true;
  while (more && stream_->queued() < most_queued) {
    std::size_t most = kRecord;
    if (small_records_left_ > 0) {
      most = small_records_left_ + kFirstRecords > limits::kSmallRecordBytes ? kFirstRecord
                                                                             : kSmallRecord;
      small_records_left_ -= std::min({small_records_left_, most, carrier_.unwritten()});
    }
    more = carrier_.write_record(most, now, write);
  }
  stream_->uncork();
}

// Something broke: what HTTP/2 has to say about it is still said, then everybody is told.
void TunnelLink::Pump::fail(const Error& error) {
  if (phase_ != Phase::Closing && !suspended()) {
    say_goodbye(Carrier::End::Failed);
  }
  phase_ = Phase::Over;
  deadline_.arm(kNever);
  next_turn_.cancel();
  tell_streams();
  if (listener_ != nullptr) {
    std::exchange(listener_, nullptr)->on_link_closed(error);
  }
}

void TunnelLink::Pump::close(H2Code code) {
  if (over()) {
    return;
  }
  if (phase_ != Phase::Closing && !suspended()) {
    h2_.goaway(code);
    say_goodbye(code == H2Code::NoError ? Carrier::End::Done : Carrier::End::Failed);
  }
  phase_ = Phase::Over;
  listener_ = nullptr;
  deadline_.arm(kNever);
  next_turn_.cancel();
  tell_streams();
}

// GOAWAY as far as there is one, FIN of the carrier, close_notify, FIN.
void TunnelLink::Pump::say_goodbye(Carrier::End reason) {
  phase_ = Phase::Closing;
  pull(limits::kMaxUnsentBytes);
  carrier_.finish(reason);
  write_batch(std::numeric_limits<std::size_t>::max());
  stream_->end();
  drain_.deadline = loop_.now() + limits::kCloseGrace;
  arm_deadline();
}

void TunnelLink::Pump::tell_streams() {
  while (!uses_.empty()) {
    const auto first = uses_.begin();
    const H2Code code = h2_.untouched(first->first) ? H2Code::RefusedStream : H2Code::InternalError;
    TunnelStreamListener* user = first->second.listener;
    uses_.erase(first);
    if (user != nullptr) {
      user->on_stream_closed(code);
    }
  }
}

}  // namespace scpool
