// Dials and holds one tunnel connection: name, TCP, TLS, one HTTP/1.1 upgrade with the proof bound
// to the channel, then a TunnelLink. Never dials a second time: connection_set makes a new one.
// Reports its end once; its owner retires it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/http/message_head.hpp"
#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tls/tls_context.hpp"
#include "worker/core/connection_planner.hpp"
#include "worker/io/address_dialer.hpp"

namespace scpool::worker {

class TunnelConnection;

class TunnelConnectionListener {
 public:
  TunnelConnectionListener() = default;
  TunnelConnectionListener(const TunnelConnectionListener&) = delete;
  TunnelConnectionListener& operator=(const TunnelConnectionListener&) = delete;

  virtual void on_connected(TunnelConnection& connection) = 0;
  // Before it was connected.
  virtual void on_dial_failed(TunnelConnection& connection, const DialFailure& failure) = 0;
  virtual void on_request(TunnelConnection& connection, StreamId stream, Fields head) = 0;
  virtual void on_control(TunnelConnection& connection, const ControlMessage& message) = 0;
  virtual void on_suspect(TunnelConnection& connection, bool suspect) = 0;
  // After it was connected.
  virtual void on_closed(TunnelConnection& connection, const Error& error) = 0;

 protected:
  ~TunnelConnectionListener() = default;
};

struct TunnelConnectionSettings {
  std::string host;  // of the tunnel: also the name its certificate must have
  std::uint16_t port = 0;
  TunnelId tunnel;
  Bytes secret;
  std::string instance;  // UUID of this process
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
  std::uint32_t attempts = 0;
  std::uint32_t max_streams = 0;
};

class TunnelConnection final : private StreamListener, private TunnelLinkListener {
 public:
  // `tls` outlives it.
  TunnelConnection(EventLoop& loop,
                   const TlsContext& tls,
                   TunnelConnectionSettings settings,
                   TunnelConnectionListener& listener);
  TunnelConnection(const TunnelConnection&) = delete;
  TunnelConnection& operator=(const TunnelConnection&) = delete;
  virtual ~TunnelConnection();

  std::uint32_t index() const { return settings_.connection; }
  std::uint64_t epoch() const { return settings_.epoch; }
  // Null until it is connected.
  TunnelLink* link() { return connected_ ? link_.get() : nullptr; }
  const TunnelLink* link() const { return connected_ ? link_.get() : nullptr; }
  const std::optional<Endpoint>& peer() const { return peer_; }
  Duration connect_duration() const { return connect_duration_; }
  // At once; nothing is reported after it.
  void close();

 private:
  void dialled(Result<std::unique_ptr<Stream>> stream);
  void send_upgrade();
  void take_answer(ByteView rest);
  void take_refusal(ByteView bytes);
  void fail(const DialFailure& failure);

  void on_open() override;
  void on_bytes(ByteView bytes) override;
  void on_end() override;
  void on_failed(const Error& error) override;

  void on_link_ready() override;
  void on_request(StreamId stream, Fields head) override;
  void on_control(const ControlMessage& message) override;
  void on_suspect(bool suspect) override;
  void on_link_closed(const Error& error) override;

  EventLoop& loop_;
  const TlsContext& tls_;
  TunnelConnectionSettings settings_;
  TunnelConnectionListener& listener_;
  Instant started_;
  Timer budget_;
  std::unique_ptr<AddressDialer> dialer_;
  std::unique_ptr<Stream> stream_;
  HeadParser answer_;
  std::string refusal_;  // body of an answer that is no 101
  std::unique_ptr<TunnelLink> link_;
  std::optional<Endpoint> peer_;
  Duration connect_duration_ = Duration::zero();
  bool connected_ = false;
  bool ended_ = false;
};

}  // namespace scpool::worker
