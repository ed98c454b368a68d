#include "common/io/listener.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "tests/support/recorded_stream.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;

namespace {

void ignore_connection(std::unique_ptr<Stream>) {}

// What a killed process leaves behind: a socket file that nobody listens on.
void leave_stale_socket(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(socket);
}

}  // namespace

TEST_CASE("a taken port's error names its holder") {
  EventLoop loop;
  auto first = Listener::tcp(loop, {"127.0.0.1", 0}, ignore_connection);
  REQUIRE(first.ok());
  const Endpoint at = first.value()->endpoint();
  const auto second = Listener::tcp(loop, at, ignore_connection);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().kind() == ErrorKind::Exists);
  std::string comm;
  std::ifstream("/proc/self/comm") >> comm;
  CHECK(second.error().sentence() == "cannot listen on " + at.text() +
                                         ": Address already in use, held by " + comm + " (pid " +
                                         std::to_string(getpid()) + ")");
}

TEST_CASE("a port is free again as soon as its listener has gone") {
  EventLoop loop;
  Endpoint at;
  {
    ConnectedPair pair(loop);
    pair.wait(loop);
    at = pair.listener->endpoint();
    pair.server->stream->end();  // leaves a TIME_WAIT on the server's side
    run_until(loop, [&] { return pair.client->ended == 1; });
  }
  CHECK(Listener::tcp(loop, at, ignore_connection).ok());
}

TEST_CASE("a listener on all addresses serves IPv4 and says so plainly") {
  EventLoop loop;
  std::unique_ptr<Stream> accepted;
  auto listener = Listener::tcp(
      loop, {"::", 0}, [&](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
  REQUIRE(listener.ok());
  RecordedStream client(
      Stream::connect_tcp(loop, {"127.0.0.1", listener.value()->endpoint().port}));
  REQUIRE(run_until(loop, [&] { return accepted != nullptr; }));
  CHECK(accepted->peer()->address == "127.0.0.1");
}

TEST_CASE("a listener may go from inside its own callback") {
  EventLoop loop;
  std::unique_ptr<Listener> listener;
  bool gone = false;
  auto made = Listener::tcp(loop, {"127.0.0.1", 0}, [&](std::unique_ptr<Stream>) {
    listener.reset();
    gone = true;
  });
  REQUIRE(made.ok());
  listener = std::move(made).value();
  RecordedStream one(Stream::connect_tcp(loop, listener->endpoint()));
  RecordedStream two(Stream::connect_tcp(loop, listener->endpoint()));
  CHECK(run_until(loop, [&] { return gone; }));
}

TEST_CASE("a Unix socket left by a dead process is taken over, and removed at the end") {
  const TemporaryDirectory folder;
  const std::string path = folder.path("control.sock");
  leave_stale_socket(path);
  EventLoop loop;
  {
    auto listener = Listener::unix_socket(loop, path, 0620, ignore_connection);
    REQUIRE(listener.ok());
    struct stat facts {};
    REQUIRE(stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0620);
    RecordedStream client(Stream::connect_unix(loop, path));
    CHECK(run_until(loop, [&] { return client.opened == 1; }));
  }
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("a Unix socket that somebody serves is refused and left alone") {
  const TemporaryDirectory folder;
  const std::string path = folder.path("control.sock");
  EventLoop loop;
  auto first = Listener::unix_socket(loop, path, 0600, ignore_connection);
  REQUIRE(first.ok());
  const auto second = Listener::unix_socket(loop, path, 0600, ignore_connection);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().kind() == ErrorKind::Exists);
  CHECK(second.error().sentence().find("is in use by") != std::string::npos);
  CHECK(second.error().sentence().find("pid " + std::to_string(getpid())) != std::string::npos);
  RecordedStream client(Stream::connect_unix(loop, path));
  CHECK(run_until(loop, [&] { return client.opened == 1; }));
}

TEST_CASE("a path that is no socket is never removed; another's socket neither") {
  const TemporaryDirectory folder;
  const std::string path = folder.path("data");
  std::ofstream(path) << "precious";
  EventLoop loop;
  CHECK_FALSE(Listener::unix_socket(loop, path, 0600, ignore_connection).ok());
  CHECK(access(path.c_str(), F_OK) == 0);

  const std::string shared = folder.path("sock");
  auto first = Listener::unix_socket(loop, shared, 0600, ignore_connection);
  REQUIRE(first.ok());
  unlink(shared.c_str());
  auto second = Listener::unix_socket(loop, shared, 0600, ignore_connection);
  REQUIRE(second.ok());
  first.value().reset();
  CHECK(access(shared.c_str(), F_OK) == 0);  // the second one's file

  const auto missing = Listener::unix_socket(loop, "/nonexistent/x", 0600, ignore_connection);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().sentence().find("/nonexistent/x") != std::string::npos);
  CHECK_FALSE(Listener::unix_socket(loop, std::string(200, 'x'), 0600, ignore_connection).ok());
}

TEST_CASE("without descriptors a client is turned away at once, and serving goes on afterwards") {
  EventLoop loop;
  std::vector<std::unique_ptr<Stream>> accepted;
  auto listener = Listener::tcp(loop, {"127.0.0.1", 0}, [&](std::unique_ptr<Stream> stream) {
    accepted.push_back(std::move(stream));
  });
  REQUIRE(listener.ok());
  RecordedStream client(Stream::connect_tcp(loop, listener.value()->endpoint()));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{static_cast<rlim_t>(dup(0)), before.rlim_max};  // no number is free below it
  std::vector<int> fillers{static_cast<int>(low.rlim_cur)};
  setrlimit(RLIMIT_NOFILE, &low);
  for (int filler = 0; (filler = dup(0)) >= 0;) {
    fillers.push_back(filler);
  }
  CHECK(run_until(loop, [&] { return client.ended == 1 || client.failure.has_value(); }));
  CHECK(accepted.empty());
  setrlimit(RLIMIT_NOFILE, &before);
  for (const int filler : fillers) {
    ::close(filler);
  }
  RecordedStream next(Stream::connect_tcp(loop, listener.value()->endpoint()));
  CHECK(run_until(loop, [&] { return accepted.size() == 1; }));
}

TEST_CASE("addresses are read as people write them") {
  CHECK(parse_endpoint("127.0.0.1:80").value().text() == "127.0.0.1:80");
  CHECK(parse_endpoint("[::1]:443").value().text() == "[::1]:443");
  CHECK(parse_endpoint(":8032").value().text() == "[::]:8032");
  CHECK(parse_endpoint("localhost:0").value().text() == "127.0.0.1:0");
  for (const char* wrong : {"",
                            "80",
                            "::1:80",
                            "127.0.0.1:",
                            "127.0.0.1:65536",
                            "example.com:80",
                            "[127.0.0.1",
                            "127.0.0.1:-1",
                            "127.0.0.1: 80"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_endpoint(wrong).ok());
  }
}

TEST_CASE("an adopted socket serves who waited, and goes with its file") {
  EventLoop loop;
  const TemporaryDirectory directory;
  const std::string path = directory.path("socket");
  auto first = Listener::unix_socket(loop, path, 0600, ignore_connection);
  REQUIRE(first.ok());
  first.value()->pause();
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  int accepted = 0;
  auto second = Listener::adopt(loop,
                                OpenDescriptor(dup(first.value()->descriptor())),
                                [&accepted](std::unique_ptr<Stream>) { ++accepted; });
  REQUIRE(second.ok());
  REQUIRE(run_until(loop, [&] { return accepted == 1; }));
  ::close(client);
  second.value().reset();
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("only a listening socket is adopted") {
  EventLoop loop;
  CHECK_FALSE(Listener::adopt(loop, OpenDescriptor(dup(0)), ignore_connection).ok());
  CHECK_FALSE(
      Listener::adopt(loop, OpenDescriptor(::socket(AF_INET, SOCK_STREAM, 0)), ignore_connection)
          .ok());
}
