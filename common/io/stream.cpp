#include "common/io/stream.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/limits.hpp"
#include "common/io/socket_address.hpp"
#include "common/io/stream_block.hpp"

namespace scpool {
namespace {

std::optional<Endpoint> endpoint_from(int descriptor, decltype(&getsockname) ask) {
  SocketAddress address;
  address.size = SocketAddress::kCapacity;
  if (ask(descriptor, address.get(), &address.size) != 0) {
    return std::nullopt;
  }
  return endpoint_of(address);
}

}  // namespace

std::string Endpoint::text() const {
  const bool bracketed = address.find(':') != std::string::npos;
  return (bracketed ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Stream::Stream(std::unique_ptr<Block> block) : block_(block.release()) {}

Stream::~Stream() {
  block_->close();
  block_->loop->retire(std::unique_ptr<Block>(block_));
}

std::unique_ptr<Stream> Stream::connect_tcp(EventLoop& loop, const Endpoint& to) {
  return std::unique_ptr<Stream>(new Stream(Block::connect(loop, to.text(), tcp_address(to))));
}

std::unique_ptr<Stream> Stream::connect_unix(EventLoop& loop, const std::string& path) {
  return std::unique_ptr<Stream>(new Stream(Block::connect(loop, path, unix_address(path))));
}

std::unique_ptr<Stream> Stream::adopt(EventLoop& loop, int descriptor) {
  auto block = std::make_unique<Block>(loop);
  block->watch(descriptor);
  return std::unique_ptr<Stream>(new Stream(std::move(block)));
}

void Stream::set_listener(StreamListener* listener) {
  block_->listener = listener;
  block_->widen_interest();
}

void Stream::start_tls(TlsSession session) {
  SCPOOL_CHECK(!block_->session.has_value() && block_->pending.empty());
  block_->session.emplace(std::move(session));
  block_->shaking_hands = true;
  if (!block_->connecting) {
    block_->start_handshake();
    block_->widen_interest();
  }
}

const TlsSession* Stream::tls() const {
  return block_->session.has_value() ? &*block_->session : nullptr;
}

void Stream::keep_tls_buffers(bool keep) {
  if (block_->session) {
    block_->session->keep_buffers(keep);
  }
}

void Stream::write(ByteView bytes) {
  write_parts({&bytes, 1});
}

void Stream::write_parts(std::span<const ByteView> parts) {
  Block& block = *block_;
  if (block.end_wanted || block.broken || block.failed || block.closed) {
    return;
  }
  block.write(parts);
  if (!block.corked) {
    block.note_level();
    block.widen_interest();
  }
}

void Stream::cork() {
  block_->corked = true;
}

void Stream::uncork() {
  Block& block = *block_;
  block.corked = false;
  if (block.may_push()) {
    block.push_out();
  }
  block.note_level();
  block.widen_interest();
}

std::size_t Stream::queued() const {
  return block_->queued();
}

void Stream::end() {
  Block& block = *block_;
  if (block.end_wanted || block.closed) {
    return;
  }
  block.end_wanted = true;
  if (block.connecting || block.shaking_hands) {
    return;
  }
  if (block.session) {
    block.session->close();
  }
  block.push_out();
  block.widen_interest();
}

void Stream::when_sent(std::function<void()> action) {
  if (block_->queued() == 0 && !block_->connecting && !block_->shaking_hands && !block_->broken) {
    action();
    return;
  }
  block_->sent_action = std::move(action);
}

void Stream::pause_reading() {
  block_->paused = true;
}

void Stream::resume_reading() {
  block_->paused = false;
  block_->widen_interest();
}

bool Stream::read_by_demand() {
  if (block_->session.has_value() || block_->connecting) {
    return false;
  }
  if (block_->demand == Block::Demand::None) {
    block_->demand = Block::Demand::Told;
  }
  return true;
}

void Stream::read_as_it_comes() {
  if (block_->demand != Block::Demand::None) {
    block_->demand = Block::Demand::None;
    block_->widen_interest();
  }
}

std::size_t Stream::read_now(Room room) {
  return block_->read_now(room);
}

void Stream::reset() {
  if (block_->descriptor >= 0 && !block_->closed) {
    // The kernel sends a RST when a socket with no linger time is closed (socket(7)).
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(block_->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  block_->close();
}

std::optional<Endpoint> Stream::peer() const {
  return endpoint_from(block_->descriptor, &getpeername);
}

std::optional<Endpoint> Stream::local() const {
  return endpoint_from(block_->descriptor, &getsockname);
}

std::optional<PeerCredentials> Stream::peer_credentials() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  int family = AF_UNSPEC;
  socklen_t family_size = sizeof family;
  if (getsockopt(block_->descriptor, SOL_SOCKET, SO_DOMAIN, &family, &family_size) != 0 ||
      family != AF_UNIX ||
      getsockopt(block_->descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

int Stream::descriptor() const {
  return block_->descriptor;
}

}  // namespace scpool
