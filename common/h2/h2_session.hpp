// HTTP/2 in either role over memory (nghttp2): bytes in, events out, bytes out. In the tunnel the
// roles are transposed: the worker is the HTTP/2 server, sc-server the client. Manual credit: the
// connection's when bytes arrive, the stream's when its user has passed them on. Fair: streams send
// in turn, a quantum each. No loop, no clock, no callbacks to users.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/byte_parts.hpp"
#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/h2/h2_event.hpp"

namespace scpool {

enum class H2Role { Client, Server };

struct H2Settings {
  std::uint32_t max_concurrent_streams = limits::kMaxConcurrentStreams;  // what the peer may open
  std::uint32_t stream_window = limits::kInitialStreamWindow;
  std::uint32_t connection_window = limits::kInitialConnectionWindow;
  std::uint32_t max_frame_size = limits::kMaxFrameSize;
  bool enable_connect_protocol = false;  // RFC 8441; the worker sends it
  std::size_t max_held = limits::kMaxBufferedPerConnection;
};

// Who has body bytes that wait for their stream's turn.
class BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  // Puts the stream's next bytes into `room` and says how many those were. Fewer than there is room
  // for: no more now, and the stream is offered again when there is. May call nothing of the
  // session.
  virtual std::size_t fill(StreamId stream, Room room) = 0;

 protected:
  ~BodySource() = default;
};

class H2Session {
 public:
  H2Session(H2Role role, const H2Settings& settings);
  H2Session(H2Session&&) noexcept;
  ~H2Session();

  // Feeds what the peer sent and returns what it meant. An error is fatal for the connection; what
  // pull() then yields (GOAWAY) should still be sent.
  Result<std::vector<H2Event>> receive(ByteView bytes);
  // Events that came up while sending (SendSpace, StreamClosed); ask after each pull.
  std::vector<H2Event> take_events();
  // Takes back what the two gave, when it has been dealt with: the next events need no new memory.
  void recycle(std::vector<H2Event>&& events);

  // Appends frames to `out` until it holds at least `target` bytes or nothing is left to send now.
  // What it appends is one piece, and as long as `target` when there is plenty. Streams that were
  // offered are filled from `source`, if there is one.
  void pull(ByteQueue& out, std::size_t target, BodySource* source = nullptr);
  bool wants_write() const;
  // Why the connection is over, once it is: the peer broke a rule, or had to be calmed.
  const std::optional<Error>& failure() const;

  // Client role. Exhausted when the peer's stream limit is reached.
  Result<StreamId> open(const Fields& head, bool end);
  bool can_open() const;
  // Server role; also for 1xx heads (end false).
  void respond(StreamId stream, const Fields& head, bool end);

  // Queues body bytes of a stream; the caller stops at limits::kStreamSendBuffer and goes on at
  // SendSpace. Unknown or closed streams are ignored: a late call finds nobody.
  void send(StreamId stream, ByteView data, bool end);
  void send_trailers(StreamId stream, const Fields& trailers);  // ends the stream
  // The stream's next bytes stay where they are until its turn comes, behind those that were sent;
  // then pull() asks its source. So they are copied into no queue, and none holds them.
  void offer(StreamId stream);
  std::size_t unsent(StreamId stream) const;
  // NoError after the end was queued: the end still goes out, only the peer need not finish
  // (RFC 9113 section 8.1). Otherwise what is unsent is dropped and no event but StreamClosed
  // follows.
  void reset(StreamId stream, H2Code code);
  // The end was queued, or the stream is gone: nobody has to end it any more.
  bool send_ended(StreamId stream) const;
  // No byte of the stream was pulled yet: another connection may take it.
  bool untouched(StreamId stream) const;

  // The user passed on `count` bytes of the stream's data: gives the peer that much credit again.
  void consumed(StreamId stream, std::size_t count);
  // Received bytes of all streams that their users have not passed on yet.
  std::size_t held_bytes() const;
  // For autotuned windows: the round trip time as last measured.
  void set_round_trip(Duration round_trip, Instant now);

  void ping(std::uint64_t opaque);
  // First notice: GOAWAY with the highest id; the peer opens nothing more (server role,
  // RFC 9113 section 6.8). `final` names the last stream processed.
  void announce_shutdown();
  void goaway(H2Code code);

  // Gives back memory that only a busy connection needs. Costs a system call.
  void rest();

  std::size_t active_streams() const;  // the control stream included
  std::vector<StreamId> live_streams() const;
  std::size_t unsent_bytes() const;  // of all streams
  // Body bytes, both ways and ever, without the first 64 KiB of each stream: grows only while
  // something large is under way.
  std::uint64_t bulk_bytes() const;
  // Nothing more will be exchanged: both sides are done.
  bool finished() const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace scpool
