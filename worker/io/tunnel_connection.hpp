// One tunnel connection of the worker: dials it, holds its TunnelLink, and dials again for the same
// session when it is told to after a cut. Connections beyond that are new ones of connection_set.
// Reports its end once; its owner retires it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tls/tls_context.hpp"
#include "worker/io/tunnel_dial.hpp"

namespace scpool::worker {

class TunnelConnection;

// How every connection of this worker is used.
struct TunnelUse {
  std::uint32_t max_streams = 0;
  bool carrier = true;  // sessions that outlive a cut
  std::size_t carrier_cap = limits::kCarrierCap;
};

class TunnelConnectionListener {
 public:
  TunnelConnectionListener() = default;
  TunnelConnectionListener(const TunnelConnectionListener&) = delete;
  TunnelConnectionListener& operator=(const TunnelConnectionListener&) = delete;

  virtual void on_connected(TunnelConnection& connection) = 0;
  // Before it was connected, or while a cut session was to be resumed.
  virtual void on_dial_failed(TunnelConnection& connection, const DialFailure& failure) = 0;
  virtual void on_request(TunnelConnection& connection, StreamId stream, Fields head) = 0;
  virtual void on_control(TunnelConnection& connection, const ControlMessage& message) = 0;
  virtual void on_suspect(TunnelConnection& connection, bool suspect) = 0;
  // Cut; its session waits to be resumed.
  virtual void on_suspended(TunnelConnection& connection, const Error& why) = 0;
  virtual void on_resumed(TunnelConnection& connection,
                          Duration outage,
                          std::uint64_t replayed) = 0;
  // After it was connected.
  virtual void on_closed(TunnelConnection& connection, const Error& error) = 0;

 protected:
  ~TunnelConnectionListener() = default;
};

class TunnelConnection final : private TunnelDialListener, private TunnelLinkListener {
 public:
  // `tls` outlives it.
  TunnelConnection(EventLoop& loop,
                   const TlsContext& tls,
                   TunnelDialSettings settings,
                   const TunnelUse& use,
                   TunnelConnectionListener& listener);
  TunnelConnection(const TunnelConnection&) = delete;
  TunnelConnection& operator=(const TunnelConnection&) = delete;
  virtual ~TunnelConnection();

  std::uint32_t index() const { return settings_.connection; }
  // Of the connection that stands, or stood last.
  std::uint64_t epoch() const { return session_.epoch; }
  // Of the last dial.
  std::uint64_t dial_epoch() const { return settings_.epoch; }
  // Null until it is connected.
  TunnelLink* link() { return connected_ ? link_.get() : nullptr; }
  const TunnelLink* link() const { return connected_ ? link_.get() : nullptr; }
  bool resumable() const { return !session_.id.empty(); }
  const std::optional<Endpoint>& peer() const { return peer_; }
  // Of the socket that stands, or stood last.
  const std::optional<Endpoint>& local() const { return local_; }
  Duration connect_duration() const { return connect_duration_; }
  // Dials so that its session goes on over a new connection; on_resumed or on_dial_failed follows.
  void resume(std::uint64_t epoch, std::uint32_t attempts);
  // A cut one: it is over; on_closed follows.
  void give_up(const std::string& why);
  // At once; nothing is reported after it.
  void close();

 private:
  void dial();
  void drop_dial();
  void open_link(DialledTunnel dialled);
  void fail(const DialFailure& failure);

  const ResumableSession* session_to_resume(std::uint64_t& received) override;
  void on_dialled(DialledTunnel dialled) override;
  void on_dial_failed(const DialFailure& failure) override;

  void on_link_ready() override;
  void on_request(StreamId stream, Fields head) override;
  void on_control(const ControlMessage& message) override;
  void on_suspect(bool suspect) override;
  void on_link_suspended(const Error& why) override;
  void on_link_closed(const Error& error) override;

  EventLoop& loop_;
  const TlsContext& tls_;
  TunnelDialSettings settings_;
  TunnelUse use_;
  TunnelConnectionListener& listener_;
  Instant started_;
  Timer budget_;  // until the link is ready
  std::unique_ptr<TunnelDial> dial_;
  std::unique_ptr<TunnelLink> link_;
  ResumableSession session_;
  std::optional<Instant> suspended_since_;
  std::optional<Endpoint> peer_;
  std::optional<Endpoint> local_;
  Duration connect_duration_ = Duration::zero();
  bool connected_ = false;
  bool ended_ = false;
};

}  // namespace scpool::worker
