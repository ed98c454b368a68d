// Endpoints as socket addresses and back. Extra to the layout because streams, listeners and the
// search for a port's holder need it alike. For the sources of common/io only.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/io/stream.hpp"

struct sockaddr;

namespace scpool {

// A sockaddr of any family.
struct SocketAddress {
  static constexpr unsigned kCapacity = 128;  // of sockaddr_storage
  alignas(8) std::array<std::byte, kCapacity> storage{};
  unsigned size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(storage.data()); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(storage.data()); }
  int family() const;
};

// The endpoint's address must be an IP literal; IPv6 may carry a zone ("fe80::1%eth0").
Result<SocketAddress> tcp_address(const Endpoint& endpoint);
// The path must fit sun_path (107 bytes).
Result<SocketAddress> unix_address(const std::string& path);
// IPv4-mapped IPv6 addresses come out as IPv4; nothing for other families.
std::optional<Endpoint> endpoint_of(const SocketAddress& address);

// The path of a Unix socket; empty for other families, unnamed and abstract ones.
std::string path_of(const SocketAddress& address);

// Without delay, with keep-alive probes and a bounded amount of unsent bytes in the kernel, so that
// what is queued last is not far from being sent. Never touches the buffer sizes: that would switch
// off the kernel's autotuning.
void tune_tcp(int descriptor);
// For the connections of a tunnel: the kernel reports a silent path within 15 s when something is
// unacknowledged, and within 30 s when the connection is idle.
void tune_tunnel(int descriptor);

}  // namespace scpool
