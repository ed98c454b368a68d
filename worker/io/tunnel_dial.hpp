// One attempt to reach the server: name or address, TCP, TLS, one HTTP/1.1 upgrade with the proof
// bound to the channel. Ends once, with a connection that has left HTTP or with a failure. Apart
// from TunnelConnection because a cut connection dials again while its session lives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/http/message_head.hpp"
#include "common/io/stream.hpp"
#include "common/io/timer.hpp"
#include "common/tls/tls_context.hpp"
#include "common/tunnel/handshake.hpp"
#include "common/tunnel/resumable_session.hpp"
#include "worker/core/connection_actions.hpp"
#include "worker/io/address_dialer.hpp"

namespace scpool::worker {

struct TunnelDialSettings {
  std::string host;          // of the tunnel: also the name its certificate must have
  std::string address = {};  // to connect to instead of the host's addresses; empty: those
  std::uint16_t port = 0;
  TunnelId tunnel;
  Bytes secret;
  std::string instance;  // UUID of this process
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
  std::uint32_t attempts = 0;
  std::uint32_t rotation = 0;  // which of the name's addresses comes first; taken modulo
  bool carrier = true;
  Duration connect_timeout = limits::kTlsHandshakeTimeout;  // TCP and TLS
  Duration timeout = limits::kTunnelHandshakeTimeout;       // with the upgrade
  Duration again_after = Duration::zero();                  // then another SYN beside the first
};

struct DialledTunnel {
  std::unique_ptr<Stream> stream;
  ByteView already_read;  // valid during the call
  TunnelSessionAnswer answer;
  std::optional<Endpoint> peer;
};

class TunnelDialListener {
 public:
  TunnelDialListener() = default;
  TunnelDialListener(const TunnelDialListener&) = delete;
  TunnelDialListener& operator=(const TunnelDialListener&) = delete;

  // The request is about to be sent: the session that is to go on, if any, and what it has
  // received; from now on it may receive nothing over its old connection.
  virtual const ResumableSession* session_to_resume(std::uint64_t& received) = 0;
  virtual void on_dialled(DialledTunnel dialled) = 0;
  virtual void on_dial_failed(const DialFailure& failure) = 0;

 protected:
  ~TunnelDialListener() = default;
};

class TunnelDial final : private StreamListener {
 public:
  // `tls` and `listener` outlive it; the listener may retire it from inside its end.
  TunnelDial(EventLoop& loop,
             const TlsContext& tls,
             TunnelDialSettings settings,
             TunnelDialListener& listener);
  TunnelDial(const TunnelDial&) = delete;
  TunnelDial& operator=(const TunnelDial&) = delete;
  virtual ~TunnelDial();

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

  EventLoop& loop_;
  const TlsContext& tls_;
  TunnelDialSettings settings_;
  TunnelDialListener& listener_;
  Instant started_;
  Timer budget_;
  std::unique_ptr<AddressDialer> dialer_;
  std::unique_ptr<Stream> stream_;
  HeadParser answer_;
  std::string refusal_;  // body of an answer that is no 101
  std::optional<Endpoint> peer_;
  bool ended_ = false;
};

}  // namespace scpool::worker
