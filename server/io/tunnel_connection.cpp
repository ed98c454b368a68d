#include "server/io/tunnel_connection.hpp"

#include <utility>

namespace scpool::server {

TunnelConnection::TunnelConnection(EventLoop& loop,
                                   ConnectionIdentity identity,
                                   UpgradedConnection upgraded,
                                   const TunnelLinkSettings& settings,
                                   TunnelConnectionListener& listener)
    : loop_(loop),
      identity_(std::move(identity)),
      listener_(listener),
      end_timer_(loop),
      link_(loop, std::move(upgraded.stream), upgraded.already_read, settings, *this) {}

PlacementCandidate TunnelConnection::candidate() {
  const TunnelLinkFigures figures = link_.figures();
  PlacementCandidate candidate;
  candidate.usable =
      ready_ && !draining_ && !figures.suspect && !figures.draining && link_.can_open();
  candidate.queued_bytes = figures.unsent_bytes + figures.held_bytes;
  candidate.streams = figures.active_streams;
  candidate.round_trip = figures.round_trip;
  candidate.short_path = figures.short_path;
  candidate.unanswered = owed_.note(figures.active_streams, figures.unanswered, loop_.now());
  candidate.recent_bulk = recent_bulk_.note(figures.bulk_bytes, loop_.now());
  return candidate;
}

void TunnelConnection::retire_socket() {
  if (!suspended_since_ && link_.suspend()) {
    on_link_suspended(Error(ErrorKind::Closed, "its worker comes over another connection"));
  }
}

void TunnelConnection::resume(UpgradedConnection upgraded,
                              ConnectionIdentity as,
                              std::uint64_t from) {
  as.session = std::move(identity_.session);
  as.session.epoch = as.epoch;  // an older one is refused from now on
  identity_ = std::move(as);
  const std::uint64_t replayed =
      link_.resume(std::move(upgraded.stream), upgraded.already_read, from);
  const Duration outage =
      loop_.now() - std::exchange(suspended_since_, std::nullopt).value_or(loop_.now());
  listener_.on_connection_resumed(*this, outage, replayed);
}

void TunnelConnection::give_up(const Error& why) {
  link_.give_up(why);
}

void TunnelConnection::end(const std::string& reason, Duration grace) {
  if (suspended_since_) {
    give_up(Error(ErrorKind::Closed, reason));
    return;
  }
  link_.send_control(control::Delete{reason});
  retire(reason, grace);
}

void TunnelConnection::ask_to_leave(const std::string& reason, Duration delay, Duration grace) {
  if (suspended_since_ && link_.figures().active_streams == 0) {
    give_up(Error(ErrorKind::Closed, reason));
    return;
  }
  end_timer_.start(delay, [this, reason, left = grace - delay] {
    link_.send_control(control::Drain{reason, left});
    end_timer_.start(left, [this, reason] {
      retire(reason, Duration::zero());
      listener_.on_connection_draining(*this);
    });
  });
}

void TunnelConnection::retire(const std::string& reason, Duration grace) {
  draining_ = true;
  link_.drain(reason, grace);
  close_after(grace);
}

// The link ends by itself when its last stream is done; this is for a worker that does not answer.
void TunnelConnection::close_after(Duration grace) {
  end_timer_.start(grace + 2 * limits::kCloseGrace, [this] {
    link_.close(H2Code::NoError);
    listener_.on_connection_over(*this, Error(ErrorKind::Closed, "ended by this server"));
  });
}

void TunnelConnection::on_link_ready() {
  ready_ = true;
  listener_.on_connection_ready(*this);
}

void TunnelConnection::on_request(StreamId stream, Fields /*head*/) {
  link_.reset(stream, H2Code::RefusedStream);  // a worker asks nothing
}

void TunnelConnection::on_control(const ControlMessage& message) {
  if (std::holds_alternative<control::Drain>(message)) {
    draining_ = true;
    listener_.on_connection_draining(*this);
  }
}

void TunnelConnection::on_suspect(bool /*suspect*/) {}

void TunnelConnection::on_link_suspended(const Error& why) {
  suspended_since_ = loop_.now();
  listener_.on_connection_suspended(*this, why);
}

void TunnelConnection::on_link_closed(const Error& error) {
  listener_.on_connection_over(*this, error);
}

}  // namespace scpool::server
