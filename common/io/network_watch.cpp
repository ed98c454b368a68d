#include "common/io/network_watch.hpp"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/socket_address.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {
namespace {

constexpr Duration kSettle = std::chrono::milliseconds{100};

int open_socket() {
  const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) {
    return -1;
  }
  SocketAddress address;
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  std::memcpy(address.storage.data(), &groups, sizeof groups);
  if (bind(descriptor, address.get(), sizeof groups) != 0) {
    close(descriptor);
    return -1;
  }
  return descriptor;
}

}  // namespace

NetworkWatch::NetworkWatch(EventLoop& loop, std::function<void()> on_change)
    : on_change_(std::move(on_change)), settle_(loop), descriptor_(open_socket()) {
  if (descriptor_ < 0) {
    return;
  }
  poll_ = new uv_poll_t;
  SCPOOL_CHECK(uv_poll_init(loop.native(), poll_, descriptor_) == 0);
  poll_->data = this;
  const int started = uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* handle, int, int) noexcept {
    if (handle->data != nullptr) {
      static_cast<NetworkWatch*>(handle->data)->read();
    }
  });
  SCPOOL_CHECK(started == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(poll_));
}

NetworkWatch::~NetworkWatch() {
  close_handle(poll_);
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

// What changed is not read: that something did is what counts. A queue that ran over (ENOBUFS) says
// the same.
void NetworkWatch::read() {
  std::array<std::byte, 8192> buffer{};
  bool changed = false;
  for (;;) {
    const ssize_t count = recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno != ENOBUFS && errno != EINTR) {
      break;
    }
    changed = true;
  }
  if (changed && !settle_.armed()) {
    settle_.start(kSettle, [this] { on_change_(); });
  }
}

std::set<std::string> local_addresses() {
  std::set<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return addresses;
  }
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const bool up = (entry->ifa_flags & IFF_UP) != 0;
    if (!up || entry->ifa_addr == nullptr) {
      continue;
    }
    const int family = entry->ifa_addr->sa_family;
    SocketAddress address;
    address.size =
        static_cast<unsigned>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (family == AF_INET || family == AF_INET6) {
      std::memcpy(address.storage.data(), entry->ifa_addr, address.size);
      if (const std::optional<Endpoint> endpoint = endpoint_of(address)) {
        addresses.insert(endpoint->address);
      }
    }
  }
  return addresses;
}

}  // namespace scpool
