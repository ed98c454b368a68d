// Bytes in, events out, bytes out: the pumping half of a tunnel connection.
#include "common/io/tunnel_pump.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "common/base/byte_parts.hpp"
#include "common/tunnel/upkeep_timer.hpp"

namespace scpool {
namespace {

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
      carrier_(settings.carrier.on ? Carrier::Mode::Records : Carrier::Mode::Plain,
               settings.carrier.cap),
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
  return uses_.find(stream);
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
    say_goodbye(Carrier::End::Done);  // it was a moment faster
  }
  if (phase_ == Phase::Closing) {
    finish();
  } else if (!over()) {
    lose(error);
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
  heard(now);
  if (over()) {
    return;
  }
  payload_.clear();
  carrier_.set_ack_delay(ack_delay(users_streams() > 0));
  const Result<void> carried = carrier_.receive(bytes, now, payload_);
  if (!carried.ok()) {
    fail(carried.error());
    return;
  }
  h2_.set_round_trip(liveness_.round_trip().value_or(Duration::zero()), now);
  // All parts lie in `bytes`, so the events of one are good while the next is read.
  std::vector<H2Event> all;
  for (const ByteView part : payload_) {
    received_bytes_ += part.size();
    Result<std::vector<H2Event>> events = h2_.receive(part);
    if (!events.ok()) {
      fail(events.error());
      return;
    }
    if (all.empty()) {
      all = std::move(events).value();
    } else {
      std::move(events.value().begin(), events.value().end(), std::back_inserter(all));
    }
  }
  deliver(std::move(all));
  touch();
}

void TunnelLink::Pump::deliver(std::vector<H2Event>&& events) {
  for (std::size_t at = 0; at < events.size(); ++at) {
    if (over()) {
      return;
    }
    if (std::holds_alternative<h2::DataReceived>(events[at])) {
      at += take_body(std::span(events).subspan(at)) - 1;
    } else {
      std::visit([this](auto& what) { take(what); }, events[at]);
    }
  }
  h2_.recycle(std::move(events));
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
    canary_.last = loop_.now();
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
  } else if (event.stream == canary_.stream) {
    if (status == "204") {
      canary_.failures = 0;
      canary_.last = loop_.now();
      canary_.stream.reset();
    }
  } else if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_head(std::move(event.head));
  }
}

void TunnelLink::Pump::take(h2::DataReceived& event) {
  h2_.consumed(event.stream, event.data.size());
  if (event.stream == control_) {
    control_bytes(event.data);
  }
}

// What follows of the same stream goes with the first event: a record of the carrier cuts what
// HTTP/2 sent as one, and a read holds several. Returns how many events that were.
std::size_t TunnelLink::Pump::take_body(std::span<H2Event> events) {
  auto& first = std::get<h2::DataReceived>(events.front());
  TunnelStreamListener* user = listener_of(first.stream);
  if (user == nullptr) {
    take(first);
    return 1;
  }
  std::array<ByteView, kMaxBodyParts> parts;
  std::size_t count = 0;
  while (count < std::min(parts.size(), events.size())) {
    const auto* next = std::get_if<h2::DataReceived>(&events[count]);
    if (next == nullptr || next->stream != first.stream) {
      break;
    }
    parts[count++] = next->data;
  }
  user->on_body(std::span(parts).first(count));
  return count;
}

void TunnelLink::Pump::take(h2::TrailersReceived& event) {
  if (TunnelStreamListener* user = listener_of(event.stream)) {
    user->on_trailers(std::move(event.trailers));
  }
}

void TunnelLink::Pump::take(h2::EndReceived& event) {
  if (event.stream == control_) {
    drain_.peer_drained = true;
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
  if (event.stream == canary_.stream) {
    canary_.stream.reset();
    canary_failed();
    return;
  }
  const StreamUse* found = uses_.find(event.stream);
  if (found == nullptr) {
    return;
  }
  TunnelStreamListener* user = found->listener;
  uses_.erase(event.stream);
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
    start_draining(drain_.deadline);
  }
}

TunnelLinkFigures TunnelLink::Pump::figures() const {
  TunnelLinkFigures figures;
  figures.sent_bytes = sent_bytes_;
  figures.received_bytes = received_bytes_;
  figures.bulk_bytes = h2_.bulk_bytes();
  figures.active_streams = users_streams();
  figures.unsent_bytes =
      h2_.unsent_bytes() + carrier_.unwritten() + (stream_ ? stream_->queued() : 0);
  figures.held_bytes = h2_.held_bytes() + carrier_.held_bytes();
  figures.replay_bytes = carrier_.held_bytes();
  figures.round_trip = liveness_.round_trip().value_or(Duration::zero());
  figures.unanswered = liveness_.unanswered(loop_.now());
  figures.short_path = liveness_.short_path();
  figures.last_canary = canary_.last;
  figures.ready = phase_ == Phase::Ready && !suspended();
  figures.suspended = suspended();
  figures.suspect = suspect_;
  figures.draining = phase_ == Phase::Draining || phase_ == Phase::Closing;
  return figures;
}

}  // namespace scpool
