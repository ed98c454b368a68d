// Bytes in, events out, bytes out: the pumping half of a tunnel connection.
#include "common/io/tunnel_pump.hpp"

#include <algorithm>
#include <utility>

namespace scpool {
namespace {

constexpr std::size_t kRecord = 16 * 1024;
// A record that fits one segment of any path arrives, and can be read, by itself.
constexpr std::size_t kFirstRecord = 1300;
constexpr std::size_t kSmallRecord = 4 * 1024;
constexpr std::size_t kFirstRecords = 10 * kFirstRecord;

H2Settings h2_settings(const TunnelLinkSettings& settings) {
  H2Settings h2 = settings.h2;
  h2.enable_connect_protocol = settings.side == TunnelLinkSettings::Side::Worker;
  return h2;
}

H2Role h2_role(const TunnelLinkSettings& settings) {
  return settings.side == TunnelLinkSettings::Side::Server ? H2Role::Client : H2Role::Server;
}

}  // namespace

TunnelLink::Pump::Pump(EventLoop& loop,
                       std::unique_ptr<Stream> stream,
                       ByteView already_read,
                       const TunnelLinkSettings& settings,
                       TunnelLinkListener& listener)
    : loop_(loop),
      settings_(settings),
      listener_(&listener),
      stream_(std::move(stream)),
      early_(already_read.begin(), already_read.end()),
      h2_(h2_role(settings), h2_settings(settings)),
      turn_end_(loop, [this] { flush(); }),
      next_turn_(loop),
      deadline_(loop, [this] { tick(); }),
      liveness_(settings.liveness, Random(random_seed()), loop.now()) {
  stream_->set_listener(this);
  stream_->resume_reading();
  if (is_server()) {
    open_control();
  }
  touch();
}

void TunnelLink::Pump::abandon() {
  phase_ = Phase::Over;
  listener_ = nullptr;
  uses_.clear();
  deadline_.arm(kNever);
  next_turn_.cancel();
}

TunnelLink::Pump::StreamUse* TunnelLink::Pump::find(StreamId stream) {
  const auto found = uses_.find(stream);
  return found == uses_.end() ? nullptr : &found->second;
}

// Nobody, when the user has reset the stream or gone away.
TunnelStreamListener* TunnelLink::Pump::listener_of(StreamId stream) {
  const StreamUse* use = find(stream);
  return use == nullptr || use->reset ? nullptr : use->listener;
}

void TunnelLink::Pump::touch() {
  if (flushing_) {
    touched_ = true;
  } else if (!over()) {
    turn_end_.arm();
  }
}

void TunnelLink::Pump::on_bytes(ByteView bytes) {
  receive_early();
  if (!over()) {
    receive(bytes);
  }
}

void TunnelLink::Pump::on_end() {
  receive_early();
  end_of_peer(Error(ErrorKind::Closed, "tunnel peer closed the connection"));
}

void TunnelLink::Pump::on_failed(const Error& error) {
  end_of_peer(error.within("tunnel connection"));
}

void TunnelLink::Pump::end_of_peer(const Error& error) {
  if (phase_ == Phase::Draining && control_closed_ && users_streams() == 0) {
    say_goodbye();  // it was a moment faster
  }
  if (phase_ == Phase::Closing) {
    finish();
  } else if (!over()) {
    fail(peer_error_.value_or(error));
  }
}

void TunnelLink::Pump::receive_early() {
  if (!early_.empty() && !over()) {
    const Bytes bytes = std::exchange(early_, {});
    receive(bytes);
  }
}

void TunnelLink::Pump::receive(ByteView bytes) {
  const Instant now = loop_.now();
  received_bytes_ += bytes.size();
  heard(now);
  if (over()) {
    return;
  }
  const Result<ByteView> carried = carriage_.receive(bytes);
  if (!carried.ok()) {
    fail(carried.error());
    return;
  }
  h2_.set_round_trip(liveness_.round_trip().value_or(Duration::zero()), now);
  Result<std::vector<H2Event>> events = h2_.receive(carried.value());
  if (!events.ok()) {
    fail(events.error());
    return;
  }
  deliver(std::move(events).value());
  touch();
}

void TunnelLink::Pump::deliver(std::vector<H2Event> events) {
  for (H2Event& event : events) {
    if (over()) {
      return;
    }
    std::visit([this](auto& what) { take(what); }, event);
  }
  if (peer_error_.has_value() && !over()) {
    fail(*peer_error_);
  }
}

void TunnelLink::Pump::take(h2::RequestReceived& event) {
  const std::string_view path = event.head.find(":path").value_or("");
  if (!control_.has_value()) {
    if (path != "/.well-known/tunnel-control" || event.head.find(":method") != "POST") {
      fail(Error(ErrorKind::Protocol, "tunnel peer began without a control stream"));
      return;
    }
    answer_control(event.stream);
    return;
  }
  if (path == "/.well-known/tunnel-canary") {
    last_canary_ = loop_.now();
  }
  uses_[event.stream] = {};
  listener_->on_request(event.stream, std::move(event.head));
}

void TunnelLink::Pump::take(h2::HeadReceived& event) {
  const std::string_view status = event.head.find(":status").value_or("");
  if (event.stream == control_) {
    control_answered_ = status == "200";
    if (!control_answered_) {
      fail(Error(ErrorKind::Protocol, "tunnel peer refused the control stream"));
    }
  } else if (event.stream == canary_) {
    if (status == "204") {
      canary_failures_ = 0;
      last_canary_ = loop_.now();
      canary_.reset();
    }
  } else if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_head(std::move(event.head));
  }
}

void TunnelLink::Pump::take(h2::DataReceived& event) {
  if (event.stream == control_) {
    h2_.consumed(event.stream, event.data.size());
    control_bytes(event.data);
  } else if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_body(event.data);
  } else {
    h2_.consumed(event.stream, event.data.size());
  }
}

void TunnelLink::Pump::take(h2::TrailersReceived& event) {
  if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_trailers(std::move(event.trailers));
  }
}

void TunnelLink::Pump::take(h2::EndReceived& event) {
  if (event.stream == control_) {
    peer_drained_ = true;
    if (phase_ != Phase::Draining) {
      fail(Error(ErrorKind::Closed, "tunnel peer ended the control stream"));
    }
  } else if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_end();
  }
}

void TunnelLink::Pump::take(h2::SendSpace& event) {
  if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_send_space();
  }
}

void TunnelLink::Pump::take(h2::StreamClosed& event) {
  if (event.stream == control_) {
    control_closed_ = true;
    if (phase_ != Phase::Draining) {
      fail(Error(ErrorKind::Closed, "tunnel peer ended the control stream"));
    }
    return;
  }
  if (event.stream == canary_) {
    canary_.reset();
    canary_failed();
    return;
  }
  const auto found = uses_.find(event.stream);
  if (found == uses_.end()) {
    return;
  }
  TunnelStreamListener* user = found->second.listener;
  uses_.erase(found);
  if (user != nullptr) {
    user->on_stream_closed(event.code);
  }
}

void TunnelLink::Pump::take(h2::SettingsReceived& /*event*/) {}

void TunnelLink::Pump::take(h2::GoawayReceived& event) {
  if (event.code != H2Code::NoError) {
    peer_error_ = Error(ErrorKind::Closed,
                        "tunnel peer gave up the connection: " + std::string(to_text(event.code)));
  } else {
    start_draining(drain_deadline_);
  }
}

// At the end of a turn: one batch.
void TunnelLink::Pump::flush() {
  if (over()) {
    return;
  }
  flushing_ = true;
  touched_ = false;
  receive_early();
  if (!over()) {
    write_out();
    deliver(h2_.take_events());
    go_on_draining();
  }
  flushing_ = false;
  if (over() || phase_ == Phase::Closing) {
    return;
  }
  arm_deadline();
  if (h2_.failure().has_value()) {
    fail(*h2_.failure());
    return;
  }
  if (stream_->queued() > 0) {
    if (!waits_for_socket_) {
      waits_for_socket_ = true;
      stream_->when_sent([this] {
        waits_for_socket_ = false;
        touch();
      });
    }
  } else if (touched_ || h2_.wants_write()) {
    // A new turn, in which others come first; through a timer, for that costs no system call.
    next_turn_.start(Duration::zero(), [this] { touch(); });
  } else if (phase_ == Phase::Draining && h2_.finished()) {
    say_goodbye();
  }
}

void TunnelLink::Pump::write_out() {
  const std::size_t waiting = stream_->queued() + wire_.size();
  if (waiting >= limits::kMaxUnsentBytes) {
    return;
  }
  const std::size_t space = limits::kMaxUnsentBytes - waiting;
  // Whole records, unless what waits already leaves no room for one.
  const std::size_t target =
      std::min(space >= kRecord ? space / kRecord * kRecord : space, carriage_.send_room());
  h2_.set_round_trip(liveness_.round_trip().value_or(Duration::zero()), loop_.now());
  h2_.pull(outgoing_, target);
  sent_bytes_ += outgoing_.size();
  carriage_.send(outgoing_, wire_);
  write_batch();
}

void TunnelLink::Pump::write_batch() {
  if (wire_.empty()) {
    return;
  }
  const Instant now = loop_.now();
  if (now - last_write_ >= limits::kIdleRestart) {
    small_records_left_ = limits::kSmallRecordBytes;
  }
  last_write_ = now;
  liveness_.bytes_sent(now);
  while (!wire_.empty()) {
    ByteView piece = wire_.front();
    if (small_records_left_ > 0) {
      const bool first = small_records_left_ + kFirstRecords > limits::kSmallRecordBytes;
      piece = piece.first(std::min(piece.size(), first ? kFirstRecord : kSmallRecord));
      small_records_left_ -= std::min(small_records_left_, piece.size());
    }
    stream_->write(piece);
    wire_.drop(piece.size());
  }
}

// Something broke: what HTTP/2 has to say about it is still said, then everybody is told.
void TunnelLink::Pump::fail(const Error& error) {
  if (phase_ != Phase::Closing) {
    say_goodbye();
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
  if (phase_ != Phase::Closing) {
    h2_.goaway(code);
    say_goodbye();
  }
  phase_ = Phase::Over;
  listener_ = nullptr;
  deadline_.arm(kNever);
  next_turn_.cancel();
  tell_streams();
}

// GOAWAY as far as there is one, close_notify, FIN.
void TunnelLink::Pump::say_goodbye() {
  phase_ = Phase::Closing;
  h2_.pull(outgoing_, limits::kMaxUnsentBytes);
  carriage_.send(outgoing_, wire_);
  write_batch();
  stream_->end();
  drain_deadline_ = loop_.now() + limits::kCloseGrace;
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

TunnelLinkFigures TunnelLink::Pump::figures() const {
  TunnelLinkFigures figures;
  figures.sent_bytes = sent_bytes_;
  figures.received_bytes = received_bytes_;
  figures.active_streams = users_streams();
  figures.unsent_bytes = h2_.unsent_bytes() + wire_.size() + stream_->queued();
  figures.held_bytes = h2_.held_bytes();
  figures.round_trip = liveness_.round_trip().value_or(Duration::zero());
  figures.last_canary = last_canary_;
  figures.ready = phase_ == Phase::Ready;
  figures.suspect = suspect_;
  figures.draining = phase_ == Phase::Draining || phase_ == Phase::Closing;
  return figures;
}

}  // namespace scpool
