#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "common/base/limits.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;

namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 131 + i / 251) & 0xff);
  }
  return text;
}

int option_of(const Stream& stream, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(stream.descriptor(), level, name, &value, &size) == 0);
  return value;
}

std::string congestion_control(const Stream& stream) {
  std::array<char, 16> name{};
  socklen_t size = name.size();
  REQUIRE(getsockopt(stream.descriptor(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0);
  return name.data();
}

bool use_congestion_control(const Stream& stream, std::string_view name) {
  return setsockopt(stream.descriptor(),
                    IPPROTO_TCP,
                    TCP_CONGESTION,
                    name.data(),
                    static_cast<socklen_t>(name.size())) == 0;
}

}  // namespace

TEST_CASE("bytes go both ways and each side's end is seen while the other goes on") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  pair.client->stream->write("question");
  pair.client->stream->end();
  REQUIRE(run_until(loop, [&] { return pair.server->ended == 1; }));
  CHECK(pair.server->received == "question");
  CHECK(pair.client->ended == 0);
  pair.server->stream->write("answer after your end");
  pair.server->stream->end();
  REQUIRE(run_until(loop, [&] { return pair.client->ended == 1; }));
  CHECK(pair.client->received == "answer after your end");
  CHECK_FALSE(pair.client->failure.has_value());
  CHECK_FALSE(pair.server->failure.has_value());
}

TEST_CASE("bytes written before the connection stands are sent once it does") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.client->stream->write("early ");
  const std::string_view words[] = {"in ", "three ", "parts"};
  const ByteView parts[] = {as_bytes(words[0]), as_bytes(words[1]), as_bytes(words[2])};
  pair.client->stream->write_parts(parts);
  CHECK(pair.client->stream->queued() == 20);
  pair.client->stream->end();
  REQUIRE(run_until(loop, [&] { return pair.server != nullptr && pair.server->ended == 1; }));
  CHECK(pair.server->received == "early in three parts");
}

TEST_CASE("a reader that pauses pushes back to the writer, and nothing is lost when it goes on") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  const std::string chunk = pattern(64 * 1024);
  constexpr std::size_t kTotal = 64 * 1024 * 1024;
  std::size_t written = 0;
  std::size_t largest = 0;
  const auto fill = [&] {
    Stream& out = *pair.client->stream;
    while (written < kTotal && out.queued() < limits::kWriteQueueHigh) {
      out.write(chunk);
      written += chunk.size();
      largest = std::max(largest, out.queued());
    }
    if (written == kTotal) {
      out.end();
    }
  };
  pair.client->at_drained = fill;
  pair.server->stream->pause_reading();
  fill();
  REQUIRE(written < kTotal);  // the kernel's buffers are smaller than that
  CHECK(pair.client->drained == 0);

  pair.server->keep = false;
  bool same = true;
  std::size_t position = 0;
  pair.server->at_bytes = [&](ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
      same = same && byte == static_cast<std::uint8_t>(chunk[position++ % chunk.size()]);
    }
  };
  pair.server->stream->resume_reading();
  REQUIRE(run_until(loop, [&] { return pair.server->ended == 1; }));
  CHECK(pair.server->received_size == kTotal);
  CHECK(same);
  CHECK(pair.client->drained > 0);
  CHECK(largest < limits::kWriteQueueHigh + chunk.size());
}

TEST_CASE("a paused stream delivers nothing until it is resumed") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  pair.server->stream->pause_reading();
  pair.client->stream->write("later");
  bool turned = false;
  // An event behind the bytes: another connection's way through the same loop.
  ConnectedPair other(loop);
  other.wait(loop);
  other.server->at_bytes = [&](ByteView) { turned = true; };
  other.client->stream->write("now");
  REQUIRE(run_until(loop, [&] { return turned; }));
  CHECK(pair.server->received.empty());
  pair.server->stream->resume_reading();
  REQUIRE(run_until(loop, [&] { return pair.server->received == "later"; }));
}

TEST_CASE("reset reaches the peer as a failure, not as an end") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  SUBCASE("while the peer reads") {}
  SUBCASE("after its own end") {
    pair.client->stream->end();
    run_until(loop, [&] { return pair.server->ended == 1; });
  }
  SUBCASE("after ours") {
    pair.server->stream->end();
    run_until(loop, [&] { return pair.client->ended == 1; });
  }
  pair.server->stream->reset();
  REQUIRE(run_until(loop, [&] { return pair.client->failure.has_value(); }));
  CHECK(pair.client->failure->kind() == ErrorKind::Unreachable);
  CHECK_FALSE(pair.server->failure.has_value());
  pair.server->stream->write("into the void");
  CHECK(pair.server->stream->queued() == 0);
}

TEST_CASE("what the peer said before it broke the connection is still delivered") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  // The server never reads, answers and closes: its kernel resets. The client is still sending.
  pair.server->stream->pause_reading();
  pair.client->stream->pause_reading();
  pair.client->stream->write(pattern(8 * 1024 * 1024));
  pair.server->stream->write("413 too large");
  pair.server.reset();
  pair.client->stream->resume_reading();
  REQUIRE(run_until(loop, [&] { return pair.client->failure.has_value(); }));
  CHECK(pair.client->received == "413 too large");
  CHECK(pair.client->ended == 0);
}

TEST_CASE("a refused connection says what was refused") {
  EventLoop loop;
  Endpoint closed;
  {
    auto listener = Listener::tcp(loop, {"127.0.0.1", 0}, [](std::unique_ptr<Stream>) {});
    REQUIRE(listener.ok());
    closed = listener.value()->endpoint();
  }
  RecordedStream client(Stream::connect_tcp(loop, closed));
  REQUIRE(run_until(loop, [&] { return client.failure.has_value(); }));
  CHECK(client.failure->kind() == ErrorKind::Unreachable);
  CHECK(client.failure->sentence() == "connect to " + closed.text() + ": Connection refused");

  RecordedStream nowhere(Stream::connect_tcp(loop, {"no address", 1}));
  CHECK_FALSE(nowhere.failure.has_value());  // never from inside the call
  REQUIRE(run_until(loop, [&] { return nowhere.failure.has_value(); }));
  CHECK(nowhere.failure->kind() == ErrorKind::Invalid);

  RecordedStream no_file(Stream::connect_unix(loop, "/nonexistent/socket"));
  REQUIRE(run_until(loop, [&] { return no_file.failure.has_value(); }));
  CHECK(no_file.failure->kind() == ErrorKind::NotFound);
}

TEST_CASE("a stream may be destroyed from inside each of its callbacks") {
  EventLoop loop;
  ConnectedPair pair(loop);
  bool gone = false;
  const auto destroy_client = [&] {
    pair.client.reset();
    gone = true;
  };
  SUBCASE("on_open") {
    pair.client->at_open = destroy_client;
  }
  SUBCASE("on_bytes") {
    pair.wait(loop);
    pair.client->at_bytes = [&](ByteView) { destroy_client(); };
    pair.server->stream->write(pattern(1024 * 1024));
  }
  SUBCASE("on_end") {
    pair.wait(loop);
    pair.client->at_end = destroy_client;
    pair.server->stream->write("bye");
    pair.server->stream->end();
  }
  SUBCASE("on_drained") {
    pair.wait(loop);
    pair.client->at_drained = destroy_client;
    pair.client->stream->write(pattern(16 * 1024 * 1024));
  }
  SUBCASE("on_failed") {
    pair.wait(loop);
    pair.client->at_failed = destroy_client;
    pair.server->stream->reset();
  }
  SUBCASE("when_sent") {
    pair.wait(loop);
    pair.client->stream->write(pattern(16 * 1024 * 1024));
    pair.client->stream->when_sent(destroy_client);
  }
  if (pair.server != nullptr) {
    pair.server->keep = false;
  }
  CHECK(run_until(loop, [&] { return gone; }));
}

TEST_CASE("when_sent runs at once when nothing waits, else after the last byte is in the kernel") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  bool sent = false;
  pair.client->stream->when_sent([&] { sent = true; });
  CHECK(sent);
  sent = false;
  pair.client->stream->write(pattern(16 * 1024 * 1024));
  pair.client->stream->when_sent([&] {
    sent = true;
    CHECK(pair.client->stream->queued() == 0);
  });
  CHECK_FALSE(sent);
  REQUIRE(run_until(loop, [&] { return sent && pair.server->received_size == 16 * 1024 * 1024; }));
  CHECK(pair.server->received == pattern(16 * 1024 * 1024));
}

TEST_CASE("a connection changes hands without losing what comes in between") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  pair.server->at_bytes = [&](ByteView) { pair.server->stream->set_listener(nullptr); };
  pair.client->stream->write("first");
  REQUIRE(run_until(loop, [&] { return pair.server->received == "first"; }));
  pair.client->stream->write("second");
  pair.client->stream->end();
  // Another connection's event shows that the loop has turned with the bytes lying there.
  ConnectedPair other(loop);
  other.wait(loop);
  RecordedStream next(std::move(pair.server->stream));
  REQUIRE(run_until(loop, [&] { return next.ended == 1; }));
  CHECK(next.received == "second");
}

TEST_CASE("endpoints and peers are told") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  CHECK(pair.client->stream->peer()->text() == pair.listener->endpoint().text());
  CHECK(pair.server->stream->peer()->port == pair.client->stream->local()->port);
  CHECK_FALSE(pair.server->stream->peer_credentials().has_value());
  CHECK(Endpoint{"::1", 443}.text() == "[::1]:443");
}

TEST_CASE("both ends of a connection send at once, and notice a peer that is gone") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  for (const Stream* end : {pair.client->stream.get(), pair.server->stream.get()}) {
    CHECK(option_of(*end, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option_of(*end, SOL_SOCKET, SO_KEEPALIVE) != 0);
    CHECK(option_of(*end, IPPROTO_TCP, TCP_KEEPIDLE) == limits::kTcpKeepaliveIdle.count());
    CHECK(option_of(*end, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == limits::kMaxUnsentInKernel);
    CHECK((fcntl(end->descriptor(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(end->descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("Unix sockets carry bytes and the peer's credentials") {
  const TemporaryDirectory folder;
  EventLoop loop;
  std::unique_ptr<RecordedStream> server;
  auto listener =
      Listener::unix_socket(loop, folder.path("s"), 0600, [&](std::unique_ptr<Stream> taken) {
        server = std::make_unique<RecordedStream>(std::move(taken));
      });
  REQUIRE(listener.ok());
  RecordedStream client(Stream::connect_unix(loop, folder.path("s")));
  client.stream->write("hello");
  client.stream->end();
  REQUIRE(run_until(loop, [&] { return server != nullptr && server->ended == 1; }));
  CHECK(server->received == "hello");
  REQUIRE(server->stream->peer_credentials().has_value());
  CHECK(server->stream->peer_credentials()->pid == getpid());
  CHECK(server->stream->peer_credentials()->uid == geteuid());
  CHECK_FALSE(server->stream->peer().has_value());
}

TEST_CASE("a connection that sends much on a short path is not paced, others are left alone") {
  EventLoop loop;
  for (const std::string algorithm : {"bbr", "reno"}) {
    CAPTURE(algorithm);
    ConnectedPair pair(loop);
    pair.wait(loop);
    if (!use_congestion_control(*pair.client->stream, algorithm)) {
      MESSAGE("this kernel has no ", algorithm);
      continue;
    }
    std::size_t sent = 0;
    const auto send = [&](std::size_t size) {
      pair.client->stream->write(pattern(size));
      sent += size;
      REQUIRE(run_until(loop, [&] { return pair.server->received_size == sent; }));
    };
    send(limits::kBytesBeforePathLook - 1);
    CHECK(congestion_control(*pair.client->stream) == algorithm);
    send(2);
    const std::string after = congestion_control(*pair.client->stream);
    CHECK_MESSAGE((after == "cubic" || after == "reno"), after);
    CHECK((algorithm == "bbr" || after == algorithm));
    send(limits::kBytesBeforePathLook);
  }
}
