// What keeps a tunnel connection up and takes it down: control stream, canary, pings, sync, drain.
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/tcp_path.hpp"
#include "common/io/tunnel_pump.hpp"
#include "common/tunnel/upkeep_timer.hpp"

namespace scpool {
namespace {

Fields tunnel_request(std::string method, std::string path) {
  return {{":method", std::move(method)},
          {":scheme", "https"},
          {":authority", "tunnel"},
          {":path", std::move(path)}};
}

}  // namespace

void TunnelLink::Pump::open_control() {
  Result<StreamId> stream = h2_.open(tunnel_request("POST", "/.well-known/tunnel-control"), false);
  SCPOOL_CHECK(stream.ok());
  control_ = stream.value();
}

void TunnelLink::Pump::answer_control(StreamId stream) {
  control_ = stream;
  control_answered_ = true;
  h2_.respond(stream, {{":status", "200"}}, false);
  send_control(control::Ready{});
  become_ready();
}

void TunnelLink::Pump::send_control(const ControlMessage& message) {
  if (!over() && control_.has_value()) {
    h2_.send(*control_, as_bytes(to_line(message)), false);
    touch();
  }
}

void TunnelLink::Pump::control_bytes(ByteView bytes) {
  const Result<std::vector<ControlMessage>> messages = control_reader_.receive(bytes);
  if (!messages.ok()) {
    h2_.goaway(H2Code::ProtocolError);
    fail(messages.error());
    return;
  }
  for (const ControlMessage& message : messages.value()) {
    if (!over()) {
      take_control(message);
    }
  }
}

void TunnelLink::Pump::take_control(const ControlMessage& message) {
  if (std::holds_alternative<control::Ready>(message)) {
    if (is_server() && control_answered_ && phase_ == Phase::Opening) {
      become_ready();
    }
    return;
  }
  if (const auto* sync = std::get_if<control::Sync>(&message)) {
    reset_orphans(*sync);
    return;
  }
  if (const auto* drain = std::get_if<control::Drain>(&message)) {
    // A worker goes on until its listener drains: first another connection must stand.
    if (is_server()) {
      start_draining(loop_.now() + drain->deadline);
    }
  } else if (std::holds_alternative<control::Drained>(message)) {
    drain_.peer_drained = true;
  }
  listener_->on_control(message);
}

void TunnelLink::Pump::become_ready() {
  const Instant now = loop_.now();
  if (phase_ == Phase::Opening) {
    phase_ = Phase::Ready;
  }
  next_sync_ = now + settings_.sync_period;
  send_ping(now);  // for the round trip
  if (is_server()) {
    send_canary(now);
  }
  touch();
  listener_->on_link_ready();
}

void TunnelLink::Pump::tick() {
  if (over()) {
    return;
  }
  const Instant now = loop_.now();
  if (phase_ == Phase::Closing) {
    if (now >= drain_.deadline) {
      finish();
    } else {
      arm_deadline();
    }
    return;
  }
  if (suspended()) {
    if (now >= suspended_until_) {
      fail(Error(ErrorKind::TimedOut,
                 "tunnel connection was cut and not resumed within " +
                     duration_text(settings_.carrier.hold)));
    } else {
      touch();
    }
    return;
  }
  check_liveness(now);
  if (over() || suspended()) {
    return;
  }
  if (now >= canary_.next) {
    send_canary(now);
  }
  if (!over() && now >= next_sync_) {
    send_sync();
  }
  if (!over()) {
    touch();  // what is due to drain, and the next deadline
  }
}

void TunnelLink::Pump::arm_deadline() {
  const Instant now = loop_.now();
  UpkeepDeadlines deadlines{std::min(drain_.deadline, suspended_until_)};
  if (phase_ != Phase::Closing && !suspended()) {
    deadlines.upkeep =
        std::min({canary_.next, next_sync_, liveness_.next_deadline(now, users_streams() > 0)});
    deadlines.ack = carrier_.next_deadline();
    deadlines.owed_bytes = carrier_.owed_bytes();
  }
  deadline_.arm(upkeep_timer(deadlines, now));
}

void TunnelLink::Pump::check_liveness(Instant now) {
  const bool has_streams = users_streams() > 0;
  if (liveness_.ping_due(now, has_streams)) {
    send_ping(now);
  }
  const LivenessVerdict verdict = liveness_.verdict(now);
  if (verdict == LivenessVerdict::Dead) {
    lose(Error(ErrorKind::TimedOut, "tunnel peer is silent: no byte after a ping"));
  } else if (verdict == LivenessVerdict::Suspect && !suspect_) {
    suspect_ = true;
    listener_->on_suspect(true);
  }
}

void TunnelLink::Pump::heard(Instant now) {
  liveness_.bytes_received(now);
  const bool wanted = users_streams() > 0 || !liveness_.round_trip().has_value();
  if (wanted && liveness_.round_trip_due(now)) {
    if (const auto measured = tcp_round_trips(stream_->descriptor())) {
      liveness_.round_trip_measured(measured->smoothed, measured->least, now);
    } else {
      liveness_.round_trip_unknown(now);
    }
  }
  if (std::exchange(suspect_, false)) {
    listener_->on_suspect(false);
  }
}

void TunnelLink::Pump::probe() {
  if (phase_ == Phase::Ready && !suspended()) {
    send_ping(loop_.now());
    touch();
  }
}

void TunnelLink::Pump::send_ping(Instant now) {
  h2_.ping(++ping_count_);
  liveness_.ping_sent(now);
}

void TunnelLink::Pump::take(h2::PingAcknowledged& event) {
  if (event.opaque == ping_count_) {
    liveness_.ping_acknowledged(loop_.now());
  }
  if (drain_.ping != 0 && event.opaque == drain_.ping && !drain_.final_goaway) {
    // A round trip after the first notice: every stream the peer had begun is here.
    drain_.final_goaway = true;
    h2_.goaway(H2Code::NoError);
    touch();
  }
}

void TunnelLink::Pump::send_canary(Instant now) {
  canary_.next = now + settings_.canary_period;
  if (canary_.stream.has_value()) {
    h2_.reset(*canary_.stream, H2Code::Cancel);
    canary_.stream.reset();
    canary_failed();
  }
  if (over() || phase_ != Phase::Ready || !h2_.can_open()) {
    return;  // full of streams: pings watch over it meanwhile
  }
  Result<StreamId> stream = h2_.open(tunnel_request("GET", "/.well-known/tunnel-canary"), true);
  if (stream.ok()) {
    canary_.stream = stream.value();
  }
}

void TunnelLink::Pump::canary_failed() {
  constexpr int kFailuresToGiveUp = 2;
  if (phase_ == Phase::Ready && ++canary_.failures >= kFailuresToGiveUp) {
    fail(Error(ErrorKind::TimedOut, "tunnel peer answers pings but no requests"));
  }
}

void TunnelLink::Pump::send_sync() {
  next_sync_ = loop_.now() + settings_.sync_period;
  control::Sync message;
  for (const StreamId stream : h2_.live_streams()) {
    if (stream != control_) {
      message.streams.push_back(stream.value);
    }
  }
  std::sort(message.streams.begin(), message.streams.end());
  send_control(message);
}

// A stream the peer leaves out twice, a period apart, is one it does not have. Once proves nothing:
// the stream's first frame may have crossed the list.
void TunnelLink::Pump::reset_orphans(const control::Sync& message) {
  std::set<StreamId> missing;
  for (const StreamId stream : h2_.live_streams()) {
    const bool listed = std::find(message.streams.begin(), message.streams.end(), stream.value) !=
                        message.streams.end();
    if (listed || stream == control_ || h2_.untouched(stream)) {
      continue;
    }
    if (missing_.contains(stream)) {
      h2_.reset(stream, H2Code::Cancel);
    } else {
      missing.insert(stream);
    }
  }
  missing_ = std::move(missing);
}

void TunnelLink::Pump::drain(const std::string& reason, Duration deadline) {
  if (over() || phase_ == Phase::Closing) {
    return;
  }
  send_control(control::Drain{reason, deadline});
  start_draining(std::min(drain_.deadline, loop_.now() + deadline));
}

void TunnelLink::Pump::start_draining(Instant deadline) {
  if (phase_ == Phase::Closing || over()) {
    return;
  }
  drain_.deadline = std::min(drain_.deadline, deadline);
  if (phase_ != Phase::Draining) {
    phase_ = Phase::Draining;
    canary_.next = kNever;
    if (!is_server()) {
      h2_.announce_shutdown();
      send_ping(loop_.now());
      drain_.ping = ping_count_;
    }
  }
  touch();
}

// Called each turn: ends what is over its time, and the control stream when it is the last one.
void TunnelLink::Pump::go_on_draining() {
  if (phase_ != Phase::Draining) {
    return;
  }
  if (loop_.now() >= drain_.deadline) {
    if (drain_.forced) {
      suspended() ? finish() : say_goodbye(Carrier::End::Done);  // the peer does not end its side
      return;
    }
    drain_.forced = true;
    drain_.deadline = loop_.now() + limits::kCloseGrace;
    for (const StreamId stream : h2_.live_streams()) {
      if (stream != control_) {
        h2_.reset(stream, H2Code::Cancel);
      }
    }
  }
  if (users_streams() > 0) {
    return;
  }
  if (is_server() ? drain_.peer_drained : drain_.final_goaway) {
    end_control();
  }
}

void TunnelLink::Pump::end_control() {
  if (control_.has_value() && !h2_.send_ended(*control_)) {
    if (!is_server()) {
      send_control(control::Drained{});
    }
    h2_.send(*control_, {}, true);
    drain_.deadline = std::min(drain_.deadline, loop_.now() + limits::kCloseGrace);
  }
}

// Both sides have said all: the clean end.
void TunnelLink::Pump::finish() {
  phase_ = Phase::Over;
  deadline_.arm(kNever);
  tell_streams();
  if (listener_ != nullptr) {
    std::exchange(listener_, nullptr)
        ->on_link_closed(Error(ErrorKind::Closed, "tunnel connection was drained"));
  }
}

std::size_t TunnelLink::Pump::users_streams() const {
  const bool control_lives = control_.has_value() && !control_closed_;
  const std::size_t own = (control_lives ? 1U : 0U) + (canary_.stream.has_value() ? 1U : 0U);
  const std::size_t all = h2_.active_streams();
  return all > own ? all - own : 0;
}

}  // namespace scpool
