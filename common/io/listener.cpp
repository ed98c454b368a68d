#include "common/io/listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/limits.hpp"
#include "common/base/text.hpp"
#include "common/io/open_descriptor.hpp"
#include "common/io/port_holder.hpp"
#include "common/io/socket_address.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {
namespace {

constexpr int kAcceptsPerEvent = 64;

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int new_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

void set_flag(int descriptor, int level, int name, int value) {
  static_cast<void>(setsockopt(descriptor, level, name, &value, sizeof value));
}

// Nothing when the path is free now; takes away what a dead process left there.
std::optional<Error> clear_path(const std::string& path, const SocketAddress& address) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? std::nullopt : std::optional(Error::from_errno(errno, path));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{ErrorKind::Exists, path + " exists and is not a socket; it was left alone"};
  }
  const OpenDescriptor probe(new_socket(AF_UNIX));
  if (probe.get() < 0) {
    return Error::from_errno(errno, "socket to try " + path);
  }
  const bool refused =
      ::connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
  if (!refused) {
    ucred holder{};
    socklen_t size = sizeof holder;
    const bool known =
        getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &holder, &size) == 0 && holder.pid > 0;
    return Error{ErrorKind::Exists,
                 path + " is in use by " +
                     (known ? process_title(holder.pid) : "a process that still listens there")};
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "remove the stale socket " + path);
  }
  return std::nullopt;
}

// Held while a path is looked at and taken, so that two starters cannot both take it.
OpenDescriptor lock_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  OpenDescriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() >= 0) {
    static_cast<void>(flock(lock.get(), LOCK_EX));
  }
  return lock;
}

Error in_use(int error, const Endpoint& at) {
  const Error plain = Error::from_errno(error, "cannot listen on " + at.text());
  const std::string holder = error == EADDRINUSE ? port_holder(at.port) : std::string();
  return holder.empty() ? plain : Error{plain.kind(), plain.sentence() + ", " + holder};
}

}  // namespace

struct Listener::Block {
  EventLoop* loop = nullptr;
  uv_poll_t* poll = nullptr;
  OnConnection on_connection;
  int descriptor = -1;
  int spare = -1;  // given up for a moment when descriptors run out
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  bool closed = false;

  Block(EventLoop& owner, int socket, OnConnection action);
  void watch();
  void close();
  void accept_waiting();
  void turn_one_away();
};

Listener::Block::Block(EventLoop& owner, int socket, OnConnection action)
    : loop(&owner),
      poll(new uv_poll_t),
      on_connection(std::move(action)),
      descriptor(socket),
      spare(open_spare()) {
  SCPOOL_CHECK(uv_poll_init(owner.native(), poll, socket) == 0);
  poll->data = this;
  watch();
}

void Listener::Block::watch() {
  uv_poll_start(poll, UV_READABLE, [](uv_poll_t* handle, int /*status*/, int /*events*/) noexcept {
    if (handle->data != nullptr) {
      static_cast<Block*>(handle->data)->accept_waiting();
    }
  });
}

void Listener::Block::close() {
  closed = true;
  struct stat now {};
  // Only the file that we made: somebody may have taken the path over since.
  if (!path.empty() && lstat(path.c_str(), &now) == 0 && now.st_dev == device &&
      now.st_ino == inode) {
    unlink(path.c_str());
  }
  close_handle(poll);
  ::close(descriptor);
  if (spare >= 0) {
    ::close(spare);
  }
}

void Listener::Block::accept_waiting() {
  for (int i = 0; i < kAcceptsPerEvent && !closed; ++i) {
    const int accepted = accept4(descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      on_connection(Stream::adopt(*loop, accepted));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE) {
      turn_one_away();
      return;
    }
    // Errors of a connection that is gone already are reported here, too (accept(2)).
    if (errno == EAGAIN || errno == EINVAL || errno == EBADF) {
      return;
    }
  }
}

// Out of descriptors: the waiting client is told so by a close, instead of waiting while we spin.
void Listener::Block::turn_one_away() {
  if (spare >= 0) {
    ::close(spare);
    const int accepted = accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted >= 0) {
      ::close(accepted);
    }
  }
  spare = open_spare();
}

Listener::Listener(std::unique_ptr<Block> block) : block_(block.release()) {}

Listener::~Listener() {
  block_->close();
  block_->loop->retire(std::unique_ptr<Block>(block_));
}

Result<std::unique_ptr<Listener>> Listener::tcp(EventLoop& loop,
                                                const Endpoint& at,
                                                OnConnection on_connection) {
  auto address = tcp_address(at);
  if (!address) {
    return address.error().within("cannot listen on " + at.text());
  }
  const int family = address.value().family();
  OpenDescriptor socket(new_socket(family));
  if (socket.get() < 0) {
    if (errno == EAFNOSUPPORT && at.address == "::") {
      return tcp(loop, {"0.0.0.0", at.port}, std::move(on_connection));
    }
    return Error::from_errno(errno, "cannot listen on " + at.text());
  }
  set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (family == AF_INET6) {
    set_flag(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, at.address == "::" ? 0 : 1);
  }
  tune_tcp(socket.get());  // what it accepts inherits that
  if (::bind(socket.get(), address.value().get(), address.value().size) != 0 ||
      ::listen(socket.get(), limits::kListenBacklog) != 0) {
    return in_use(errno, at);
  }
  auto block = std::make_unique<Block>(loop, socket.pass_on(), std::move(on_connection));
  return std::unique_ptr<Listener>(new Listener(std::move(block)));
}

Result<std::unique_ptr<Listener>> Listener::unix_socket(EventLoop& loop,
                                                        const std::string& path,
                                                        unsigned mode,
                                                        OnConnection on_connection) {
  const auto address = unix_address(path);
  if (!address) {
    return address.error();
  }
  const OpenDescriptor lock = lock_folder_of(path);
  if (const auto problem = clear_path(path, address.value())) {
    return problem->within("cannot listen");
  }
  OpenDescriptor socket(new_socket(AF_UNIX));
  if (socket.get() < 0 || ::bind(socket.get(), address.value().get(), address.value().size) != 0) {
    return Error::from_errno(errno, "cannot listen on " + path);
  }
  // Nobody can connect before listen(), so nobody gets in before the permissions are set.
  struct stat made {};
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0 || lstat(path.c_str(), &made) != 0 ||
      ::listen(socket.get(), limits::kListenBacklog) != 0) {
    const int error = errno;
    unlink(path.c_str());
    return Error::from_errno(error, "cannot listen on " + path);
  }
  auto block = std::make_unique<Block>(loop, socket.pass_on(), std::move(on_connection));
  block->path = path;
  block->device = made.st_dev;
  block->inode = made.st_ino;
  return std::unique_ptr<Listener>(new Listener(std::move(block)));
}

Result<std::unique_ptr<Listener>> Listener::adopt(EventLoop& loop,
                                                  OpenDescriptor socket,
                                                  OnConnection on_connection) {
  int listens = 0;
  socklen_t size = sizeof listens;
  SocketAddress address;
  address.size = SocketAddress::kCapacity;
  const bool usable = getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
                      listens != 0 &&
                      getsockname(socket.get(), address.get(), &address.size) == 0 &&
                      fcntl(socket.get(), F_SETFD, FD_CLOEXEC) == 0 &&
                      fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0;
  if (!usable) {
    return Error(ErrorKind::Invalid,
                 "descriptor " + std::to_string(socket.get()) + " is not a listening socket");
  }
  if (address.family() != AF_UNIX) {
    tune_tcp(socket.get());
  }
  auto block = std::make_unique<Block>(loop, socket.pass_on(), std::move(on_connection));
  struct stat made {};
  const std::string path = path_of(address);
  if (!path.empty() && lstat(path.c_str(), &made) == 0) {
    block->path = path;
    block->device = made.st_dev;
    block->inode = made.st_ino;
  }
  return std::unique_ptr<Listener>(new Listener(std::move(block)));
}

int Listener::descriptor() const {
  return block_->descriptor;
}

void Listener::pause() {
  uv_poll_stop(block_->poll);
}

void Listener::resume() {
  block_->watch();
}

Endpoint Listener::endpoint() const {
  SocketAddress address;
  address.size = SocketAddress::kCapacity;
  getsockname(block_->descriptor, address.get(), &address.size);
  return endpoint_of(address).value_or(Endpoint{});
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const Error wrong{ErrorKind::Invalid,
                    "\"" + std::string(text) +
                        "\" is not an address: write HOST:PORT, :PORT or [IPV6]:PORT with an IP "
                        "address or \"localhost\" as host"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return wrong;
  }
  const auto port = parse_number(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (!port.has_value() || *port > 65535) {
    return wrong;
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return wrong;  // IPv6 without brackets: which part is the port?
  }
  if (host.empty()) {
    host = "::";
  } else if (equals_ignoring_case(host, "localhost")) {
    host = "127.0.0.1";
  }
  Endpoint endpoint{std::move(host), static_cast<std::uint16_t>(*port)};
  if (!tcp_address(endpoint)) {
    return wrong;
  }
  return endpoint;
}

}  // namespace scpool
