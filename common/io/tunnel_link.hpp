// One tunnel connection from the moment its upgrade is done: TCP and TLS (Stream), carrier,
// HTTP/2, control stream, liveness. The only pump between them, the same for both sides: `Server`
// opens streams (HTTP/2 client), `Worker` serves them. Users see streams.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/limits.hpp"
#include "common/h2/h2_session.hpp"
#include "common/io/stream.hpp"
#include "common/io/tunnel_stream_listener.hpp"
#include "common/tunnel/control_message.hpp"
#include "common/tunnel/liveness.hpp"

namespace scpool {

class TunnelLinkListener {
 public:
  TunnelLinkListener() = default;
  TunnelLinkListener(const TunnelLinkListener&) = delete;
  TunnelLinkListener& operator=(const TunnelLinkListener&) = delete;

  // Server: the worker's 200 and "ready" came. Worker: it has sent them.
  virtual void on_link_ready() = 0;
  // Worker side: a request; answer it through the link, attach a listener for its body. Canary
  // requests come here too ("/.well-known/tunnel-canary").
  virtual void on_request(StreamId stream, Fields head) = 0;
  virtual void on_control(const ControlMessage& message) = 0;
  virtual void on_suspect(bool suspect) = 0;
  // TCP or TLS is gone or silent, the session is kept for the hold time: streams stay, nothing is
  // sent. The owner resumes it on a new connection; else on_link_closed follows.
  virtual void on_link_suspended(const Error& why) = 0;
  // It is over; all its streams have been told: RefusedStream where no byte of them was sent,
  // InternalError where one may have been. Kind Closed after a clean end. The owner retires it.
  virtual void on_link_closed(const Error& error) = 0;

 protected:
  ~TunnelLinkListener() = default;
};

// As both ends agreed in the upgrade.
struct CarrierSettings {
  bool on = false;
  std::size_t cap = limits::kCarrierCap;
  Duration hold = limits::kCarrierHold;
};

struct TunnelLinkSettings {
  enum class Side { Server, Worker };
  Side side = Side::Server;
  H2Settings h2;
  LivenessRule liveness;
  CarrierSettings carrier;
  Duration canary_period = limits::kCanaryPeriod;
  Duration sync_period = limits::kSyncPeriod;
};

struct TunnelLinkFigures {
  std::uint64_t sent_bytes = 0;  // HTTP/2 bytes
  std::uint64_t received_bytes = 0;
  std::uint64_t bulk_bytes = 0;    // of these, bodies' beyond the first 64 KiB of each stream
  std::size_t active_streams = 0;  // without control and canary
  std::size_t unsent_bytes = 0;
  std::size_t held_bytes = 0;    // received and not passed on, sent and not acknowledged
  std::size_t replay_bytes = 0;  // of these, the latter
  Duration round_trip = Duration::zero();
  Duration unanswered = Duration::zero();  // Liveness::unanswered
  bool short_path = false;                 // the least round trip is below limits::kShortRoundTrip
  std::optional<Instant> last_canary;      // answered (server side), asked (worker side)
  bool ready = false;
  bool suspect = false;
  bool draining = false;
  bool suspended = false;
};

class TunnelLink {
 public:
  TunnelLink(EventLoop& loop,
             std::unique_ptr<Stream> stream,
             ByteView already_read,
             const TunnelLinkSettings& settings,
             TunnelLinkListener& listener);
  TunnelLink(const TunnelLink&) = delete;
  TunnelLink& operator=(const TunnelLink&) = delete;
  ~TunnelLink();

  // Server side. Exhausted at the worker's stream limit, Closed when draining.
  Result<StreamId> open(const Fields& head, bool end, TunnelStreamListener& listener);
  bool can_open() const;
  // Worker side.
  void attach(StreamId stream, TunnelStreamListener& listener);
  void respond(StreamId stream, const Fields& head, bool end);

  void send(StreamId stream, ByteView data, bool end);
  void send_trailers(StreamId stream, const Fields& trailers);
  // Body bytes that stay where they are until the stream's turn comes: its listener is asked then.
  void offer(StreamId stream);
  std::size_t unsent(StreamId stream) const;  // stop at limits::kStreamSendBuffer
  void consumed(StreamId stream, std::size_t count);
  void reset(StreamId stream, H2Code code);
  // The listener goes away without waiting for the stream's end; bytes still held are consumed. A
  // stream that nobody could end any more is reset.
  void forget(StreamId stream);

  void send_control(const ControlMessage& message);
  // No new streams; ends the connection cleanly once the last one is done. The worker sends the two
  // GOAWAYs, the server asks it to with a Drain message; a worker's listener that hears one drains
  // when it is ready to.
  void drain(const std::string& reason, Duration deadline);
  // At once, with close_notify where possible; streams are told. No on_link_closed follows.
  void close(H2Code code);

  // The session on another connection. suspend(): drops the connection that stands, when the
  // session can outlive it; true then (also when it is so already), nobody is told. resume(): on a
  // suspended session, where can_resume() says so; returns how many bytes are sent again.
  // give_up(): a suspended session is over.
  bool suspend();
  // Asks the peer at once whether it is there; silence then makes the connection suspect.
  void probe();
  std::uint64_t received() const;  // HTTP/2 bytes; what the peer may forget
  bool can_resume(std::uint64_t peer_received) const;
  std::uint64_t resume(std::unique_ptr<Stream> stream, ByteView already_read, std::uint64_t from);
  void give_up(const Error& why);

  TunnelLinkFigures figures() const;

 private:
  class Pump;
  std::unique_ptr<Pump> pump_;
};

}  // namespace scpool
