#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "common/io/child_process.hpp"
#include "common/io/listener.hpp"
#include "common/io/process_memory.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"
#include "worker/io/address_dialer.hpp"
#include "worker/io/pid_file.hpp"
#include "worker/io/ready_file.hpp"
#include "worker/io/supervisor_probe.hpp"

namespace scpool::worker {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A listener whose queue is full: the kernel drops every SYN, as a path that is cut does.
class SilentListener {
 public:
  SilentListener() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    REQUIRE(bind(listener_, generic(), size) == 0);
    REQUIRE(listen(listener_, 0) == 0);
    REQUIRE(getsockname(listener_, generic(), &size) == 0);
    REQUIRE(connect(filler_, generic(), size) == 0);
  }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;
  ~SilentListener() {
    close(listener_);
    close(filler_);
  }

  std::uint16_t port() const { return ntohs(address_.sin_port); }
  void make_room() const { REQUIRE(listen(listener_, 64) == 0); }
  // Sockets of this host that wait for it to answer their SYN.
  int unanswered() const {
    std::ostringstream remote;
    remote << " 0100007F:" << std::hex << std::uppercase << std::setw(4) << std::setfill('0')
           << port() << " 02 ";
    std::istringstream table(content_of("/proc/self/net/tcp"));
    int count = 0;
    for (std::string line; std::getline(table, line);) {
      count += line.find(remote.str()) != std::string::npos ? 1 : 0;
    }
    return count;
  }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }

  sockaddr_in address_{};
  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int filler_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

}  // namespace

TEST_CASE("the pid file tells pid and start time and goes with its owner") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("worker.pid");
  {
    const Result<PidFile> file = PidFile::create(path);
    REQUIRE(file.ok());
    CHECK(content_of(path) == std::to_string(getpid()) + " " +
                                  std::to_string(read_process_facts(getpid())->start_time) + "\n");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a pid file that a living process holds is refused, one of a dead process taken") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("worker.pid", "999999 1\n");
  {
    const Result<PidFile> file = PidFile::create(path);
    REQUIRE(file.ok());
    const Result<PidFile> second = PidFile::create(path);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().kind() == ErrorKind::Exists);
    CHECK(second.error().sentence() ==
          "pid file " + path + ": held by process " + std::to_string(getpid()));
  }
  CHECK_FALSE(PidFile::create(directory.path("no/such/worker.pid")).ok());
}

TEST_CASE("the ready file appears whole and goes; a stale one is removed first") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("ready", "stale");
  {
    ReadyFile file(path);
    CHECK_FALSE(std::filesystem::exists(path));
    REQUIRE(file.write("{}\n").ok());
    CHECK(content_of(path) == "{}\n");
    CHECK_FALSE(std::filesystem::exists(path + ".new"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  ReadyFile nowhere(directory.path("no/such/ready"));
  CHECK_FALSE(nowhere.write("{}").ok());
}

TEST_CASE("the supervisor is there while its socket is answered") {
  EventLoop loop;
  const TemporaryDirectory directory;
  const std::string path = directory.path("control.sock");
  SupervisorProbe probe(loop, path);
  std::optional<ProbeResult> result;
  const auto ask = [&] {
    result.reset();
    probe.ask([&](ProbeResult answer) { result = answer; });
    REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    return *result;
  };
  CHECK(ask() == ProbeResult::NobodyThere);
  {
    auto listener = Listener::unix_socket(loop, path, 0600, [](std::unique_ptr<Stream>) {});
    REQUIRE(listener.ok());
    CHECK(ask() == ProbeResult::Answered);
  }
  CHECK(ask() == ProbeResult::NobodyThere);
}

TEST_CASE("the dialer connects to the address that answers") {
  EventLoop loop;
  int accepted = 0;
  auto listener =
      Listener::tcp(loop, Endpoint{"127.0.0.1", 0}, [&](std::unique_ptr<Stream>) { ++accepted; });
  REQUIRE(listener.ok());
  const std::uint16_t port = listener.value()->endpoint().port;

  std::unique_ptr<Stream> stream;
  std::string error;
  const auto on_done = [&](Result<std::unique_ptr<Stream>> done) {
    if (done.ok()) {
      stream = std::move(done).value();
    } else {
      error = done.error().sentence();
    }
  };
  {
    // "localhost" may also be ::1, where nobody listens: the other family takes over.
    AddressDialer dialer(loop, "localhost", port, 0, on_done);
    REQUIRE(run_until(loop, [&] { return stream != nullptr || !error.empty(); }));
    CHECK(error == "");
    REQUIRE(stream != nullptr);
    CHECK(stream->peer()->port == port);
    stream.reset();
  }
  listener.value().reset();
  {
    AddressDialer dialer(loop, "127.0.0.1", port, 3, on_done);
    REQUIRE(run_until(loop, [&] { return !error.empty(); }));
    CHECK(error.find("refused") != std::string::npos);
  }
}

TEST_CASE("a process knows how much memory it may have") {
  CHECK(memory_of_process() > 0);
  CHECK(memory_of_process() <= static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_CASE("a dialer in a hurry sends another SYN beside one that hears nothing") {
  EventLoop loop;
  const SilentListener silent;
  int answers = 0;
  AddressDialer dialer(
      loop,
      "127.0.0.1",
      silent.port(),
      0,
      [&](const auto&) { ++answers; },
      std::chrono::milliseconds{10});
  // As many as may be under way, and no more; the kernel's own repetition adds no socket.
  CHECK(run_until(loop, [&] { return silent.unanswered() == 8; }));
  silent.make_room();
  while (silent.unanswered() > 0) {
    std::this_thread::yield();  // the loop learns of all of them in one turn
  }
  CHECK(run_until(loop, [&] { return answers > 0; }));
  loop.run_once();
  CHECK(answers == 1);
}

TEST_CASE("a dialer that goes takes its attempts along") {
  EventLoop loop;
  bool called = false;
  {
    const AddressDialer dialer(loop, "localhost", 9, 0, [&](const auto&) { called = true; });
  }
  loop.run();
  CHECK_FALSE(called);
}

}  // namespace scpool::worker
