#include "common/io/tunnel_link.hpp"

#include <limits>
#include <utility>

#include "common/io/tunnel_pump.hpp"

namespace scpool {

TunnelLink::TunnelLink(EventLoop& loop,
                       std::unique_ptr<Stream> stream,
                       ByteView already_read,
                       const TunnelLinkSettings& settings,
                       TunnelLinkListener& listener)
    : pump_(std::make_unique<Pump>(loop, std::move(stream), already_read, settings, listener)) {}

TunnelLink::~TunnelLink() {
  pump_->abandon();
  EventLoop& loop = pump_->loop();
  loop.retire(std::move(pump_));
}

Result<StreamId> TunnelLink::open(const Fields& head, bool end, TunnelStreamListener& listener) {
  if (!pump_->accepts_streams()) {
    return Error(ErrorKind::Closed, "tunnel connection takes no new streams");
  }
  Result<StreamId> stream = pump_->h2().open(head, end);
  if (stream.ok()) {
    pump_->add(stream.value(), listener);
    pump_->touch();
  }
  return stream;
}

bool TunnelLink::can_open() const {
  return pump_->accepts_streams() && pump_->h2().can_open();
}

void TunnelLink::attach(StreamId stream, TunnelStreamListener& listener) {
  if (Pump::StreamUse* use = pump_->find(stream)) {
    use->listener = &listener;
  }
}

void TunnelLink::respond(StreamId stream, const Fields& head, bool end) {
  if (!pump_->over()) {
    pump_->h2().respond(stream, head, end);
    pump_->touch();
  }
}

void TunnelLink::send(StreamId stream, ByteView data, bool end) {
  if (!pump_->over()) {
    pump_->h2().send(stream, data, end);
    pump_->touch();
  }
}

void TunnelLink::send_trailers(StreamId stream, const Fields& trailers) {
  if (!pump_->over()) {
    pump_->h2().send_trailers(stream, trailers);
    pump_->touch();
  }
}

void TunnelLink::offer(StreamId stream) {
  if (!pump_->over()) {
    pump_->h2().offer(stream);
    pump_->touch();
  }
}

std::size_t TunnelLink::unsent(StreamId stream) const {
  return pump_->over() ? 0 : pump_->h2().unsent(stream);
}

void TunnelLink::consumed(StreamId stream, std::size_t count) {
  if (!pump_->over()) {
    pump_->h2().consumed(stream, count);
    pump_->touch();
  }
}

void TunnelLink::reset(StreamId stream, H2Code code) {
  Pump::StreamUse* use = pump_->find(stream);
  if (use == nullptr || pump_->over()) {
    return;
  }
  use->reset = true;
  pump_->h2().consumed(stream, std::numeric_limits<std::size_t>::max());
  pump_->h2().reset(stream, code);
  pump_->touch();
}

void TunnelLink::forget(StreamId stream) {
  Pump::StreamUse* use = pump_->find(stream);
  if (use == nullptr) {
    return;
  }
  use->listener = nullptr;
  if (pump_->over()) {
    return;
  }
  pump_->h2().consumed(stream, std::numeric_limits<std::size_t>::max());
  if (!pump_->h2().send_ended(stream)) {
    pump_->h2().reset(stream, H2Code::Cancel);
  }
  pump_->touch();
}

void TunnelLink::send_control(const ControlMessage& message) {
  pump_->send_control(message);
}

void TunnelLink::drain(const std::string& reason, Duration deadline) {
  pump_->drain(reason, deadline);
}

void TunnelLink::close(H2Code code) {
  pump_->close(code);
}

void TunnelLink::probe() {
  pump_->probe();
}

bool TunnelLink::suspend() {
  return pump_->suspend();
}

std::uint64_t TunnelLink::received() const {
  return pump_->received();
}

bool TunnelLink::can_resume(std::uint64_t peer_received) const {
  return pump_->can_resume(peer_received);
}

std::uint64_t TunnelLink::resume(std::unique_ptr<Stream> stream,
                                 ByteView already_read,
                                 std::uint64_t from) {
  return pump_->resume(std::move(stream), already_read, from);
}

void TunnelLink::give_up(const Error& why) {
  pump_->give_up(why);
}

TunnelLinkFigures TunnelLink::figures() const {
  return pump_->figures();
}

}  // namespace scpool
