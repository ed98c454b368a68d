// The writing half of a stream: what is sent at once, what is queued, and what writers are told.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/byte_parts.hpp"
#include "common/base/limits.hpp"
#include "common/io/stream_block.hpp"
#include "common/io/tcp_path.hpp"

namespace scpool {
namespace {

constexpr std::size_t kPartsPerSend = kMaxBodyParts + 4;  // with what frames them
constexpr std::size_t kTlsRecord = 16 * 1024;

ssize_t send_parts(int descriptor, std::span<const ByteView> parts) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (parts.size() == 1) {
    return send(descriptor, parts[0].data(), parts[0].size(), kFlags);
  }
  std::array<iovec, kPartsPerSend> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const ByteView part : parts.first(std::min(parts.size(), kPartsPerSend))) {
    vectors[message.msg_iovlen++] = {const_cast<std::uint8_t*>(part.data()), part.size()};
  }
  return sendmsg(descriptor, &message, kFlags);
}

}  // namespace

std::size_t Stream::Block::unsent() const {
  return session ? session->outgoing_size() : pending.size();
}

std::size_t Stream::Block::queued() const {
  return pending.size() + (session ? session->outgoing_size() : 0);
}

void Stream::Block::note_level() {
  above_high = above_high || queued() >= limits::kWriteQueueHigh;
}

std::size_t Stream::Block::send_now(std::span<const ByteView> parts) {
  while (true) {
    const ssize_t sent = send_parts(descriptor, parts);
    if (sent >= 0) {
      count_sent(static_cast<std::size_t>(sent));
      return static_cast<std::size_t>(sent);
    }
    if (errno == EAGAIN) {
      return 0;
    }
    if (errno != EINTR) {
      break_off(Error::from_errno(errno, "send"));
      return 0;
    }
  }
}

// Small exchanges never come so far, and pay nothing.
void Stream::Block::count_sent(std::size_t bytes) {
  if (sent_before_path_look < limits::kBytesBeforePathLook) {
    sent_before_path_look += bytes;
    if (sent_before_path_look >= limits::kBytesBeforePathLook) {
      leave_pacing_on_short_path(descriptor);
    }
  }
}

void Stream::Block::write(std::span<const ByteView> parts) {
  if (connecting || shaking_hands) {
    for (const ByteView part : parts) {
      pending.append(part);
    }
  } else if (session) {
    write_encrypted(parts);
  } else {
    write_plain(parts);
  }
}

void Stream::Block::write_encrypted(std::span<const ByteView> parts) {
  const bool blocked = unsent() > 0;  // the loop tells when there is room
  const std::size_t total = total_size(parts);
  if (parts.size() > 1 && total <= kTlsRecord) {
    // One record instead of one for each part.
    std::array<std::uint8_t, kTlsRecord> record;
    auto out = record.begin();
    for (const ByteView part : parts) {
      out = std::copy(part.begin(), part.end(), out);
    }
    session->write(ByteView(record).first(total));
  } else {
    for (std::size_t i = 0; i < parts.size() && session->state() != TlsSession::State::Failed;
         ++i) {
      session->write(parts[i]);
    }
  }
  if (session->state() == TlsSession::State::Failed) {
    break_off(session->error());
  } else if (!blocked && !corked) {
    push_out();
  }
}

void Stream::Block::write_plain(std::span<const ByteView> parts) {
  const bool at_once = pending.empty() && !corked && total_size(parts) > 0;
  std::size_t sent = at_once ? send_now(parts) : 0;
  for (const ByteView part : parts) {
    const std::size_t gone = std::min(sent, part.size());
    sent -= gone;
    if (!broken) {
      pending.append(part.subspan(gone));
    }
  }
}

void Stream::Block::push_out() {
  ByteQueue& out = session ? session->outgoing() : pending;
  while (!out.empty() && !broken) {
    std::array<ByteView, kPartsPerSend> parts;
    const std::span<const ByteView> used(parts.data(), out.gather(parts));
    const std::size_t sent = send_now(used);
    out.drop(broken ? 0 : sent);
    if (sent < total_size(used)) {
      break;  // the kernel is full: it says when there is room again
    }
  }
  if (out.empty() && end_wanted && !end_sent && !connecting && !shaking_hands) {
    end_sent = true;
    shutdown(descriptor, SHUT_WR);
  }
}

// Writing is over, but what the peer said before may still be read: a site may answer and close
// while a request's body is still on its way.
void Stream::Block::break_off(Error error) {
  if (!broken) {
    broken = std::move(error);
  }
  pending.clear();
  if (session) {
    session->outgoing().clear();
  }
}

// Tells of room in the queue; false when the stream has gone.
bool Stream::Block::report_sent() {
  if (above_high && queued() < limits::kWriteQueueHigh / 4 && !broken) {
    above_high = false;
    if (listener != nullptr) {
      listener->on_drained();
    }
  }
  if (alive() && sent_action && queued() == 0 && !shaking_hands && !broken) {
    const auto action = std::exchange(sent_action, nullptr);
    action();
  }
  return alive();
}

}  // namespace scpool
