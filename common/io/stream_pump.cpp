// The part of a stream that the loop drives: events in, bytes between socket, TLS and queue.
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/limits.hpp"
#include "common/io/socket_address.hpp"
#include "common/io/stream_block.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {
namespace {

constexpr std::size_t kTlsRecord = 16 * 1024;
constexpr std::size_t kPartsPerRead = 16;
// A whole batch of the tunnel, with what TLS puts around it, and a begun one.
constexpr std::size_t kTlsReadSize = 10 * kTlsRecord;

// What one read yields, shared by all streams of a thread: a view of it is good during a callback.
// Decrypted bytes of one read fit at once, with a record that was begun by the read before. Not
// thread_local themselves: each thread of the loop's pool would have them on its stack. At a page's
// beginning, where the kernel's copies are fastest (limits::kCarrierPayload).
constexpr std::size_t kPage = 4096;
struct ReadBuffers {
  alignas(kPage) std::array<std::uint8_t, std::max(kTlsReadSize, limits::kIoReadSize)> received;
  alignas(kPage) std::array<std::uint8_t, kTlsReadSize + 2 * kTlsRecord> plain;
};

ReadBuffers& read_buffers() {
  thread_local const auto kBuffers = std::make_unique_for_overwrite<ReadBuffers>();
  return *kBuffers;  // NOLINT(clang-analyzer-cplusplus.NewDelete): lives as long as the thread
}

int socket_error(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

std::unique_ptr<Stream::Block> Stream::Block::connect(EventLoop& loop,
                                                      std::string target,
                                                      const Result<SocketAddress>& address) {
  auto block = std::make_unique<Block>(loop);
  block->target = "connect to " + std::move(target);
  block->connecting = true;
  int socket = -1;
  if (!address) {
    block->broken = address.error().within(block->target);
  } else {
    const SocketAddress& to = address.value();
    socket = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) {
      block->broken = Error::from_errno(errno, block->target);
    } else if (to.family() != AF_UNIX) {
      tune_tcp(socket);
    }
    if (socket >= 0 && ::connect(socket, to.get(), to.size) != 0 && errno != EINPROGRESS) {
      // EAGAIN: a Unix listener whose backlog is full (connect(2)).
      block->broken = errno == EAGAIN
                          ? Error{ErrorKind::Exhausted, block->target + ": its queue is full"}
                          : Error::from_errno(errno, block->target);
    }
  }
  block->watch(socket);
  return block;
}

void Stream::Block::watch(int socket) {
  descriptor = socket;
  if (socket < 0) {
    later.start(Duration::zero(), [this] { fail(*broken); });
    return;
  }
  poll = new uv_poll_t;
  SCPOOL_CHECK(uv_poll_init(loop->native(), poll, socket) == 0);
  poll->data = this;
  if (connecting) {
    widen_interest();  // else nobody listens yet
  }
}

void Stream::Block::close() {
  if (closed) {
    return;
  }
  closed = true;
  listener = nullptr;
  sent_action = nullptr;
  later.cancel();
  // Leaves the poll set before the descriptor's number can be used again.
  close_handle(std::exchange(poll, nullptr));
  if (descriptor >= 0) {
    ::close(std::exchange(descriptor, -1));
  }
}

void Stream::Block::fail(const Error& error) {
  failed = true;
  set_interest(0);
  if (listener != nullptr) {
    listener->on_failed(error);
  }
}

bool Stream::Block::may_push() const {
  return !connecting && !shaking_hands && !broken && !closed && !failed &&
         (interest & UV_WRITABLE) == 0;
}

int Stream::Block::wanted_interest() const {
  if (connecting) {
    return UV_WRITABLE;
  }
  int wanted = wants_bytes() ? UV_READABLE : 0;
  // A broken connection is always writable: the event that leads to its end.
  if (broken ? wanted != 0 || read_ended : unsent() > 0) {
    wanted |= UV_WRITABLE;
  }
  // Nothing to do, but hear of a reset: errors are reported to whoever waits for anything.
  return wanted == 0 && !hung_up ? UV_PRIORITIZED : wanted;
}

void Stream::Block::widen_interest() {
  if (poll != nullptr && alive()) {
    const int wanted = wanted_interest();
    // Whoever waits for anything hears of errors, too.
    const bool only_errors = wanted == UV_PRIORITIZED && interest != 0;
    if ((wanted & ~interest) != 0 && !only_errors) {
      set_interest(wanted | (interest & ~UV_PRIORITIZED));
    }
    if (held_back && wants_bytes()) {
      deliver_later();
    }
  }
}

// No event of the socket tells of bytes that were read from it already.
void Stream::Block::deliver_later() {
  later.start(Duration::zero(), [this] {
    if (alive() && wants_bytes()) {
      deliver_decrypted();
    }
    if (alive()) {
      widen_interest();
    }
  });
}

void Stream::Block::set_interest(int events) {
  if (poll == nullptr || events == interest) {
    return;
  }
  interest = events;
  SCPOOL_CHECK((events == 0 ? uv_poll_stop(poll) : uv_poll_start(poll, events, &on_poll)) == 0);
}

void Stream::Block::on_poll(uv_poll_t* handle, int status, int events) noexcept {
  auto* block = static_cast<Block*>(handle->data);
  if (block == nullptr || !block->alive()) {
    return;
  }
  if (status < 0) {
    block->interest = 0;  // libuv has stopped the watcher: the socket has an error to tell
    events = UV_READABLE | UV_WRITABLE | UV_PRIORITIZED;
  }
  block->turn(events);
  if (block->alive()) {
    block->set_interest(block->wanted_interest());
  }
}

void Stream::Block::turn(int events) {
  if (connecting) {
    if (!finish_connect()) {
      return;
    }
  } else if ((events & UV_WRITABLE) != 0) {
    push_out();
    if (!report_sent()) {
      return;
    }
  }
  if ((events & UV_PRIORITIZED) != 0 && !wants_bytes()) {
    take_hang_up();
  }
  if (alive() && wants_bytes() && ((events & UV_READABLE) != 0 || broken)) {
    if (demand == Demand::None || broken) {
      read();
    } else {
      tell_readable();
    }
  }
  if (alive() && broken && read_ended) {
    fail(*broken);
  }
}

bool Stream::Block::finish_connect() {
  if (!broken) {
    const int error = socket_error(descriptor);
    if (error != 0) {
      broken = Error::from_errno(error, target);
    }
  }
  if (broken) {
    fail(*broken);
    return false;
  }
  connecting = false;
  target = std::string();
  if (session) {
    start_handshake();
    return true;
  }
  push_out();
  if (listener != nullptr) {
    listener->on_open();
  }
  return alive() && report_sent();
}

void Stream::Block::take_hang_up() {
  hung_up = true;
  const int error = socket_error(descriptor);
  if (error != 0) {
    break_off(Error::from_errno(error, "connection"));
  }
}

// The second time nobody is told, and the watcher is stopped until he has answered: who answers in
// time pays no system call for it.
void Stream::Block::tell_readable() {
  if (demand == Demand::Told) {
    demand = Demand::Unanswered;
  } else {
    demand = Demand::Told;
    listener->on_readable();
  }
}

std::size_t Stream::Block::read_now(Room room) {
  if (demand == Demand::None || broken || read_ended || !alive()) {
    return 0;
  }
  std::array<iovec, kPartsPerRead> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const std::span<std::uint8_t> part : room.first(std::min(room.size(), kPartsPerRead))) {
    vectors[message.msg_iovlen++] = {part.data(), part.size()};
  }
  const ssize_t count = recvmsg(descriptor, &message, MSG_DONTWAIT);
  if (count > 0 && static_cast<std::size_t>(count) == total_size(room)) {
    return static_cast<std::size_t>(count);
  }
  const bool fault = count < 0 && errno != EAGAIN && errno != EINTR;
  if (fault) {
    break_off(Error::from_errno(errno, "receive"));
  }
  // An end is read again when the watcher tells of it.
  demand = count == 0 || fault ? Demand::None : Demand::Waiting;
  widen_interest();
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// Once an event, so that one fast peer does not keep the loop for itself.
void Stream::Block::read() {
  auto& read_buffer = read_buffers().received;
  const std::size_t size = session ? kTlsReadSize : limits::kIoReadSize;
  const ssize_t count = recv(descriptor, read_buffer.data(), size, MSG_DONTWAIT);
  if (count < 0) {
    take_receive_error(errno);
  } else if (count == 0) {
    take_end();
  } else {
    deliver(ByteView(read_buffer).first(static_cast<std::size_t>(count)));
  }
}

void Stream::Block::take_receive_error(int error) {
  const bool nothing_now = error == EAGAIN;
  if (error == EINTR || (nothing_now && !broken)) {
    return;  // the watcher tells when there is more
  }
  fail(broken ? *broken : Error::from_errno(error, "receive"));
}

// The peer's FIN. Without TLS's own notice in front of it the end may be an attacker's.
void Stream::Block::take_end() {
  read_ended = true;
  if (broken) {
    return;  // told by turn()
  }
  if (session) {
    fail({ErrorKind::Closed,
          shaking_hands ? "the peer closed the connection during the TLS handshake"
                        : "the peer closed the connection without TLS close_notify"});
  } else if (listener != nullptr) {
    listener->on_end();
  }
}

// False when the stream has gone.
bool Stream::Block::deliver(ByteView bytes) {
  if (!session) {
    listener->on_bytes(bytes);
    return alive();
  }
  session->lend(bytes);
  const bool goes_on = (!shaking_hands || finish_handshake()) && alive() && deliver_decrypted();
  session->keep();
  return goes_on;
}

void Stream::Block::start_handshake() {
  session->receive({});
  push_out();
  if (session->state() == TlsSession::State::Failed) {
    break_off(session->error());
  }
}

bool Stream::Block::finish_handshake() {
  if (session->state() == TlsSession::State::Handshaking) {
    push_out();
    return true;
  }
  if (session->state() == TlsSession::State::Failed) {
    push_out();  // the alert that tells the peer why
    fail(session->error());
    return false;
  }
  shaking_hands = false;
  for (; !pending.empty(); pending.drop(pending.front().size())) {
    session->write(pending.front());
  }
  if (end_wanted) {
    session->close();
  }
  push_out();
  if (listener != nullptr) {
    listener->on_open();
  }
  return alive() && report_sent();
}

bool Stream::Block::deliver_decrypted() {
  if (shaking_hands) {
    return true;
  }
  held_back = !wants_bytes();
  auto& plain_buffer = read_buffers().plain;
  for (std::size_t count = 0; !held_back && (count = session->read(plain_buffer)) > 0;) {
    listener->on_bytes(ByteView(plain_buffer).first(count));
    if (!alive()) {
      return false;
    }
    held_back = !wants_bytes();
  }
  push_out();  // answers to key updates, or an alert
  if (session->state() == TlsSession::State::Failed) {
    fail(session->error());
  } else if (session->state() == TlsSession::State::PeerClosed && !read_ended) {
    read_ended = true;
    if (listener != nullptr) {
      listener->on_end();
    }
  }
  return alive();
}

}  // namespace scpool
