// A byte stream: TCP or Unix socket, with or without TLS, with a write queue that its writer
// bounds. The only place that pumps a TlsSession. After the destructor no callback arrives; a
// listener may destroy the stream from inside any callback.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/base/byte_parts.hpp"
#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/io/event_loop.hpp"
#include "common/tls/tls_session.hpp"

namespace scpool {

// An IP literal and port, as a socket address prints: "10.0.0.1", "fe80::1".
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
  std::string text() const;  // "10.0.0.1:443", "[::1]:443"
};

// Who is at the other end of a Unix socket (SO_PEERCRED).
struct PeerCredentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};

class StreamListener {
 public:
  StreamListener() = default;
  StreamListener(const StreamListener&) = delete;
  StreamListener& operator=(const StreamListener&) = delete;

  // Connected, and the TLS handshake is done where there is one.
  virtual void on_open() {}
  // Plaintext; valid during the call.
  virtual void on_bytes(ByteView bytes) = 0;
  // Reading by demand: something is there for read_now(). Said once until that has taken all of it.
  virtual void on_readable() {}
  // The peer will send nothing more (FIN; under TLS its close_notify). Writing goes on.
  virtual void on_end() = 0;
  // The write queue fell below a quarter of limits::kWriteQueueHigh after it had been above it.
  virtual void on_drained() {}
  // Broken; nothing more will happen. Not called after the owner's own close.
  virtual void on_failed(const Error& error) = 0;

 protected:
  ~StreamListener() = default;
};

class Stream {
 public:
  // Connects to an address; on_open or on_failed follows. No time limit of its own.
  static std::unique_ptr<Stream> connect_tcp(EventLoop& loop, const Endpoint& to);
  static std::unique_ptr<Stream> connect_unix(EventLoop& loop, const std::string& path);
  // Takes over a socket a Listener accepted: it does not block, closes on exec and has the options
  // of the listening one. on_open follows a TLS handshake only.
  static std::unique_ptr<Stream> adopt(EventLoop& loop, int descriptor);

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  // Closes now; unsent bytes are dropped.
  ~Stream();

  // Must be set before the loop turns, and may be changed when a connection is handed on.
  void set_listener(StreamListener* listener);
  // Before the first byte is written; the handshake starts when the connection stands. Bytes that
  // were read already (STARTTLS-like upgrades) are not a case of ours.
  void start_tls(TlsSession session);
  const TlsSession* tls() const;
  // As TlsSession::keep_buffers.
  void keep_tls_buffers(bool keep);

  // Sends now what the kernel takes and queues the rest. Nothing is refused: the writer looks at
  // queued() and stops at limits::kWriteQueueHigh.
  void write(ByteView bytes);
  void write(std::string_view text) { write(as_bytes(text)); }
  // The same for bytes that lie in several places: one system call, and no copy of what it sends.
  void write_parts(std::span<const ByteView> parts);
  // What is written in between goes out at the end of it, in few system calls; each call of
  // write_parts with at most 16 KiB stays one record of TLS.
  void cork();
  void uncork();
  std::size_t queued() const;
  // FIN (under TLS close_notify first) once everything queued is sent; reading goes on.
  void end();
  // Runs after everything queued is in the kernel, or at once when that is so; then destroys
  // nothing. For closing after a last answer.
  void when_sent(std::function<void()> action);

  void pause_reading();
  void resume_reading();
  // By demand nothing is read before the owner asks for it: bytes wait in the kernel and go from
  // there to their place at once. Begins as if on_readable had been called; what the peer's end or
  // a fault leaves unread still comes by on_bytes. Not with TLS: false then, and nothing changes.
  bool read_by_demand();
  void read_as_it_comes();
  // Fills `room` with what is there, first to last, and says how much that was. Less than the room:
  // no more now, on_readable or the end of the connection follows. Calls nobody.
  std::size_t read_now(Room room);
  // The peer gets a RST instead of a clean end.
  void reset();

  std::optional<Endpoint> peer() const;
  std::optional<Endpoint> local() const;
  std::optional<PeerCredentials> peer_credentials() const;
  int descriptor() const;

 private:
  struct Block;
  explicit Stream(std::unique_ptr<Block> block);
  Block* block_;
};

}  // namespace scpool
