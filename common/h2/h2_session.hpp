// HTTP/2 in either role over memory (nghttp2): bytes in, events out, bytes out. In the tunnel the
// roles are transposed: the worker is the HTTP/2 server, sc-server the client. Manual credit: the
// connection's when bytes arrive, the stream's when its user has passed them on. Fair: streams send
// in turn, a quantum each. No loop, no clock, no callbacks to users.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.hpp"
#include "common/base/ids.hpp"
#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/http/fields.hpp"

namespace scpool {

enum class H2Role { Client, Server };

// RFC 9113 section 7.
enum class H2Code : std::uint32_t {
  NoError = 0,
  ProtocolError = 1,
  InternalError = 2,
  FlowControlError = 3,
  RefusedStream = 7,
  Cancel = 8,
  ConnectError = 10,
  EnhanceYourCalm = 11,
};

struct H2Settings {
  std::uint32_t max_concurrent_streams = limits::kMaxConcurrentStreams;  // what the peer may open
  std::uint32_t stream_window = limits::kInitialStreamWindow;
  std::uint32_t connection_window = limits::kInitialConnectionWindow;
  std::uint32_t max_frame_size = limits::kMaxFrameSize;
  bool enable_connect_protocol = false;  // RFC 8441; the worker sends it
};

namespace h2 {

struct RequestReceived {  // Server role
  StreamId stream;
  Fields head;
};
struct HeadReceived {  // Client role: a response head, 1xx too
  StreamId stream;
  Fields head;
};
struct DataReceived {
  StreamId stream;
  ByteView data;  // part of the bytes given to receive(); valid until the next call of it
};
struct TrailersReceived {
  StreamId stream;
  Fields trailers;
};
struct EndReceived {
  StreamId stream;
};
// Unsent bytes of the stream fell below half of limits::kStreamSendBuffer after they had reached
// it.
struct SendSpace {
  StreamId stream;
};
// The last event of a stream. `code` is NoError after a complete exchange; a stream the peer never
// processed (GOAWAY below its id, REFUSED_STREAM) says RefusedStream.
struct StreamClosed {
  StreamId stream;
  H2Code code;
};
struct PingAcknowledged {
  std::uint64_t opaque;
};
struct GoawayReceived {
  StreamId last_stream;
  H2Code code;
};
struct SettingsReceived {};  // the peer's first SETTINGS: its limits are known now

}  // namespace h2

using H2Event = std::variant<h2::RequestReceived,
                             h2::HeadReceived,
                             h2::DataReceived,
                             h2::TrailersReceived,
                             h2::EndReceived,
                             h2::SendSpace,
                             h2::StreamClosed,
                             h2::PingAcknowledged,
                             h2::GoawayReceived,
                             h2::SettingsReceived>;

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

  // Appends frames to `out` until it holds at least `target` bytes or nothing is left to send now.
  void pull(ByteQueue& out, std::size_t target);
  bool wants_write() const;

  // Client role. Exhausted when the peer's stream limit is reached.
  Result<StreamId> open(const Fields& head, bool end);
  bool can_open() const;
  // Server role; also for 1xx heads (end false).
  void respond(StreamId stream, const Fields& head, bool end);

  // Queues body bytes of a stream; the caller stops at limits::kStreamSendBuffer and goes on at
  // SendSpace. Unknown or closed streams are ignored: a late call finds nobody.
  void send(StreamId stream, ByteView data, bool end);
  void send_trailers(StreamId stream, const Fields& trailers);  // ends the stream
  std::size_t unsent(StreamId stream) const;
  void reset(StreamId stream, H2Code code);

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

  std::size_t active_streams() const;  // the control stream included
  // Nothing more will be exchanged: both sides are done.
  bool finished() const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

std::string_view to_text(H2Code code);

}  // namespace scpool
