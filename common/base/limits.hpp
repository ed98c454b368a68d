// Every bound of the system on one page. Numbers come from the engineering notes or an RFC; a new
// bound goes here, not beside its use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/time.hpp"

namespace scpool::limits {

using namespace std::chrono_literals;

// HTTP/1 heads and bodies (RFC 9112; RFC 9110 section 4.1 asks for 8000 octets of target at least).
inline constexpr std::size_t kMaxTarget = 16 * 1024;
inline constexpr std::size_t kMaxHead = 64 * 1024;
inline constexpr std::size_t kMaxFields = 200;
inline constexpr std::size_t kMaxChunkSizeDigits = 16;
inline constexpr std::size_t kMaxChunkExtensions = 1024;  // in a whole body
inline constexpr std::size_t kMaxUpgradeHead = 8 * 1024;
inline constexpr std::size_t kMaxRestBody = 1024 * 1024;
inline constexpr std::size_t kMaxControlMessage = 64 * 1024;

inline constexpr Duration kHeadTimeout = 30s;
inline constexpr Duration kKeepAliveIdle = 60s;
inline constexpr Duration kRequestBodyTimeout = 60s;
// After the last answer of a connection: how long what still arrives is thrown away, so that no RST
// overtakes the answer (RFC 9112 section 9.6).
inline constexpr Duration kLingerTimeout = 2s;
inline constexpr Duration kUpgradeTimeout = 5s;  // after TLS
inline constexpr Duration kTlsHandshakeTimeout = 15s;
inline constexpr Duration kTunnelHandshakeTimeout = 20s;
inline constexpr Duration kConnectTimeout = 30s;
inline constexpr Duration kHalfCloseIdle = 60s;
inline constexpr Duration kExpectContinueFallback = 1s;

// HTTP/2 inside the tunnel.
inline constexpr std::uint32_t kInitialStreamWindow = 1024 * 1024;
inline constexpr std::uint32_t kMaxStreamWindow = 16 * 1024 * 1024;
inline constexpr std::uint32_t kInitialConnectionWindow = 16 * 1024 * 1024;
inline constexpr std::uint32_t kMaxConnectionWindow = 64 * 1024 * 1024;
inline constexpr std::uint32_t kMaxFrameSize = 32 * 1024;
inline constexpr std::uint32_t kMaxConcurrentStreams = 256;
inline constexpr std::uint32_t kHeaderTableSize = 16 * 1024;
inline constexpr std::uint32_t kMaxHeaderListSize = 64 * 1024;
inline constexpr std::size_t kMaxBufferedPerConnection = 64 * 1024 * 1024;

// Liveness (notes section 3).
inline constexpr Duration kPingIdle = 10s;
inline constexpr Duration kPingBusy = 5s;
inline constexpr Duration kDeadAfterPing = 10s;
inline constexpr Duration kSuspectSilence = 3s;
inline constexpr Duration kCanaryPeriod = 15s;
inline constexpr Duration kCanaryMaxAge = 35s;
inline constexpr Duration kSyncPeriod = 60s;
inline constexpr Duration kRoundTripPeriod = 100ms;  // the kernel is asked for it, under traffic
inline constexpr Duration kCloseGrace = 5s;          // for the peer's end after ours
inline constexpr Duration kIdleRestart = 1s;  // after it, small TLS records until a window is warm
inline constexpr std::size_t kSmallRecordBytes = 64 * 1024;

// Carrier (notes section 4). The largest record and its head fill one TLS record. Those we write
// are 16 KiB with what TLS 1.3 puts around them (header 5, content type 1, tag 16; RFC 8446 section
// 5.2): batches of whole pages, which the kernel copies to page-aligned memory several times
// faster.
inline constexpr std::size_t kCarrierHead = 4;
inline constexpr std::size_t kMaxCarrierPayload = 16 * 1024 - kCarrierHead;
inline constexpr std::size_t kTlsRecordExtra = 22;
inline constexpr std::size_t kCarrierPayload = kMaxCarrierPayload - kTlsRecordExtra;
// A large DATA frame fills two records, a batch of such frames eight: a read of a socket that fills
// a batch leaves no rest, which would cost a record, a system call and a wake-up of its own.
inline constexpr std::size_t kDataFrame = 2 * kCarrierPayload - 9;  // without its head
inline constexpr std::size_t kBatchBody = 4 * kDataFrame;
inline constexpr std::size_t kMaxUnsentBytes = 8 * kCarrierPayload;  // user space, per connection
// What a stream sends in its turn: its receiver is woken once for all of it.
inline constexpr std::size_t kFairnessQuantum = kBatchBody;
inline constexpr std::size_t kStreamSendBuffer = 2 * kBatchBody;  // unsent bytes of one stream
// An acknowledgement costs a record, a system call and a wake-up at each end: at 64 KiB several
// percent of a fast download, at a sixty-fourth of the cap nothing that shows.
inline constexpr std::size_t kCarrierAckBytes = 256 * 1024;
inline constexpr Duration kCarrierAckDelay = 25ms;
inline constexpr std::size_t kCarrierCap = 16 * 1024 * 1024;  // unacknowledged, per direction
inline constexpr std::size_t kMinCarrierCap = 1024 * 1024;
inline constexpr std::size_t kMaxCarrierCap = 64 * 1024 * 1024;
inline constexpr Duration kCarrierHold = 30s;
inline constexpr Duration kMaxCarrierHold = 120s;
// What all carriers of one worker may keep together: a quarter of the memory, not more than this.
inline constexpr std::size_t kMaxCarrierBudget = 512 * 1024 * 1024;
inline constexpr std::size_t kMaxSuspendedPerTunnel = 16;
inline constexpr std::size_t kMaxSuspendedBytes = 256 * 1024 * 1024;  // held, of one server

inline constexpr std::size_t kMaxTunnelConnections = 16;
inline constexpr std::size_t kIoReadSize = kBatchBody;
// Above this many queued bytes a Stream asks its writer to pause; below a quarter it says drained.
inline constexpr std::size_t kWriteQueueHigh = 256 * 1024;

// Unsent bytes of one socket in the kernel (TCP_NOTSENT_LOWAT); more only adds delay.
inline constexpr std::size_t kMaxUnsentInKernel = 128 * 1024;
// After so many bytes a connection looks at its path once, and paces nothing on a short one.
inline constexpr std::size_t kBytesBeforePathLook = 128 * 1024;
inline constexpr Duration kShortRoundTrip = 1ms;
// A TCP peer that vanished without a word is noticed after idle + probes * interval = 2 min.
inline constexpr std::chrono::seconds kTcpKeepaliveIdle = 60s;
inline constexpr std::chrono::seconds kTcpKeepaliveInterval = 10s;
inline constexpr int kTcpKeepaliveProbes = 6;
// A tunnel's connection is told sooner: 15 s with something unacknowledged (TCP_USER_TIMEOUT), 30 s
// when idle (notes section 3).
inline constexpr std::chrono::seconds kTunnelUserTimeout = 15s;
inline constexpr std::chrono::seconds kTunnelKeepaliveIdle = 15s;
inline constexpr std::chrono::seconds kTunnelKeepaliveInterval = 5s;
inline constexpr int kTunnelKeepaliveProbes = 3;
inline constexpr int kListenBacklog = 1024;
// Idle connections of one worker to sites, and 1xx answers to one request.
inline constexpr std::size_t kMaxKeptConnections = 512;
inline constexpr int kMaxInterimResponses = 32;
inline constexpr std::size_t kMaxLogLine = 16 * 1024;

}  // namespace scpool::limits
