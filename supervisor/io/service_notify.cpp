#include "supervisor/io/service_notify.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr int kFirstListened = 3;                 // sd_listen_fds(3)
constexpr std::uint64_t kMaxListened = 1U << 16;  // FileDescriptorStoreMax= is far below

// The value of a variable, which then is gone.
std::string taken(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  unsetenv(name);
  return text;
}

// sd_notify(3) by its protocol, a datagram with at most one descriptor: libsystemd would bring six
// libraries for it. A manager that cannot be reached is no reason to stop serving.
void tell(const std::string& path, std::string message, int descriptor) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() > sizeof address.sun_path - 1) {
    return;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') {
    address.sun_path[0] = '\0';  // an abstract name
  }
  const OpenDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  iovec text{message.data(), message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr datagram{};
  datagram.msg_name = &address;
  datagram.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  datagram.msg_iov = &text;
  datagram.msg_iovlen = 1;
  if (descriptor >= 0) {
    datagram.msg_control = room.data();
    datagram.msg_controllen = room.size();
    cmsghdr* passed = CMSG_FIRSTHDR(&datagram);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(passed), &descriptor, sizeof descriptor);
  }
  static_cast<void>(sendmsg(socket.get(), &datagram, MSG_NOSIGNAL));
}

// Whether a variable that names the process it is for names this one.
bool is_for_us(const std::string& pid) {
  return parse_number(pid) == static_cast<std::uint64_t>(getpid());
}

}  // namespace

ServiceNotify::ServiceNotify() {
  socket_ = taken("NOTIFY_SOCKET");
  if (socket_.empty()) {
    return;
  }
  // sd_watchdog_enabled(3): notify at half the time that is allowed.
  const std::string watched = taken("WATCHDOG_PID");
  const auto period_us = parse_number(taken("WATCHDOG_USEC"));
  if (period_us && (watched.empty() || is_for_us(watched))) {
    watchdog_period_ = std::chrono::microseconds{*period_us / 2};
  }
  const bool ours = is_for_us(taken("LISTEN_PID"));
  const auto count = parse_number(taken("LISTEN_FDS"));
  const std::string names = taken("LISTEN_FDNAMES");
  if (ours && count && *count <= kMaxListened) {
    take_listened(static_cast<int>(*count), names);
  }
}

void ServiceNotify::take_listened(int count, const std::string& names) {
  const std::vector<std::string_view> each = split(names, ':');
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    fcntl(kFirstListened + i, F_SETFD, FD_CLOEXEC);
    kept_[index < each.size() ? std::string(each[index]) : ""] = OpenDescriptor(kFirstListened + i);
  }
}

void ServiceNotify::keep(const std::string& name, int descriptor) const {
  if (socket_.empty() || descriptor < 0) {
    return;
  }
  // FDPOLL=0: the manager must not drop it when the process ends; that end is what we want to know.
  tell(socket_, "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name, descriptor);
}

void ServiceNotify::let_go(const std::string& name) const {
  send("FDSTOREREMOVE=1\nFDNAME=" + name);
}

std::vector<std::string> ServiceNotify::environment() const {
  std::vector<std::string> lines;
  if (!socket_.empty()) {
    lines.push_back("NOTIFY_SOCKET=" + socket_);
  }
  if (watchdog_period_ > Duration::zero()) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(2 * watchdog_period_);
    lines.push_back("WATCHDOG_USEC=" + std::to_string(us.count()));
  }
  return lines;
}

void ServiceNotify::ready() {
  send("READY=1");
}

void ServiceNotify::reloading(Instant now) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us.count()));
}

void ServiceNotify::stopping() {
  send("STOPPING=1");
}

void ServiceNotify::status(const std::string& line) {
  if (line != last_status_) {
    last_status_ = line;
    send("STATUS=" + line);
  }
}

void ServiceNotify::extend_timeout(Duration by) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(by);
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(us.count()));
}

void ServiceNotify::alive() {
  send("WATCHDOG=1");
}

void ServiceNotify::send(const std::string& message) const {
  if (!socket_.empty()) {
    tell(socket_, message, -1);
  }
}

}  // namespace scpool::supervisor
