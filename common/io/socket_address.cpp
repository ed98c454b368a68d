#include "common/io/socket_address.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include <cstring>

#include "common/base/limits.hpp"

namespace scpool {
namespace {

// IN6_IS_ADDR_V4MAPPED without the macro's old-style casts.
bool is_mapped_ipv4(const in6_addr& address) {
  static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.s6_addr, kPrefix, sizeof kPrefix) == 0;
}

void set_option(int descriptor, int level, int name, int value) {
  // A kernel that lacks one of these options serves a little worse, but serves.
  static_cast<void>(setsockopt(descriptor, level, name, &value, sizeof value));
}

void set_keepalive(int descriptor,
                   std::chrono::seconds idle,
                   std::chrono::seconds interval,
                   int probes) {
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle.count()));
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(interval.count()));
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, probes);
}

static_assert(SocketAddress::kCapacity == sizeof(sockaddr_storage));

}  // namespace

int SocketAddress::family() const {
  return get()->sa_family;
}

Result<SocketAddress> tcp_address(const Endpoint& endpoint) {
  SocketAddress address;
  sockaddr_in v4{};
  if (uv_ip4_addr(endpoint.address.c_str(), endpoint.port, &v4) == 0) {
    std::memcpy(address.storage.data(), &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  if (uv_ip6_addr(endpoint.address.c_str(), endpoint.port, &v6) == 0) {
    std::memcpy(address.storage.data(), &v6, sizeof v6);
    address.size = sizeof v6;
    return address;
  }
  return Error{ErrorKind::Invalid, "\"" + endpoint.address + "\" is not an IP address"};
}

Result<SocketAddress> unix_address(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof un.sun_path) {
    return Error{ErrorKind::Invalid,
                 "socket path \"" + path + "\" must have 1 to " +
                     std::to_string(sizeof un.sun_path - 1) + " bytes"};
  }
  std::memcpy(un.sun_path, path.data(), path.size());
  SocketAddress address;
  std::memcpy(address.storage.data(), &un, sizeof un);
  address.size = sizeof un;
  return address;
}

std::optional<Endpoint> endpoint_of(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN + 1] = {};
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address.storage.data(), sizeof v4);
    uv_inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return Endpoint{text, ntohs(v4.sin_port)};
  }
  if (address.family() != AF_INET6) {
    return std::nullopt;
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, address.storage.data(), sizeof v6);
  if (is_mapped_ipv4(v6.sin6_addr)) {
    uv_inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
  } else {
    uv_inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return Endpoint{text, ntohs(v6.sin6_port)};
}

std::string path_of(const SocketAddress& address) {
  sockaddr_un un{};
  if (address.family() != AF_UNIX || address.size > sizeof un) {
    return {};
  }
  std::memcpy(&un, address.storage.data(), address.size);
  return {un.sun_path, strnlen(un.sun_path, sizeof un.sun_path)};
}

void tune_tcp(int descriptor) {
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(
      descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(limits::kMaxUnsentInKernel));
  set_keepalive(descriptor,
                limits::kTcpKeepaliveIdle,
                limits::kTcpKeepaliveInterval,
                limits::kTcpKeepaliveProbes);
}

void tune_tunnel(int descriptor) {
  set_keepalive(descriptor,
                limits::kTunnelKeepaliveIdle,
                limits::kTunnelKeepaliveInterval,
                limits::kTunnelKeepaliveProbes);
  set_option(descriptor,
             IPPROTO_TCP,
             TCP_USER_TIMEOUT,
             static_cast<int>(std::chrono::milliseconds{limits::kTunnelUserTimeout}.count()));
}

}  // namespace scpool
