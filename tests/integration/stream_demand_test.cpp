// Streams that are read when their owner asks.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "common/base/limits.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/tls_pair.hpp"
#include "tests/support/tunnel_pair.hpp"

using namespace scpool;

namespace {

std::string pattern(std::size_t size) {
  std::string text;
  while (text.size() < size) {
    text += as_text(PatternBytes::at(text.size(), size - text.size()));
  }
  return text;
}

// Reads into two places, as frames have them.
std::string read_now(Stream& stream, std::size_t size) {
  std::string text(size, '\0');
  auto* const start = reinterpret_cast<std::uint8_t*>(text.data());
  const std::array<std::span<std::uint8_t>, 2> room{std::span(start, size / 3),
                                                    std::span(start + size / 3, size - size / 3)};
  text.resize(stream.read_now(room));
  return text;
}

struct DemandedPair {
  DemandedPair() : pair(loop) {
    pair.wait(loop);
    REQUIRE(stream().read_by_demand());
    CHECK(read_now(stream(), 10).empty());
  }
  Stream& stream() { return *pair.server->stream; }
  [[nodiscard]] bool until(const std::function<bool()>& happened) {
    return run_until(loop, happened);
  }

  EventLoop loop;
  ConnectedPair pair;
};

}  // namespace

TEST_CASE("by demand, bytes are told of once and wait until they are asked for") {
  DemandedPair d;
  d.pair.client->stream->write("hello");
  REQUIRE(d.until([&] { return d.pair.server->readable == 1; }));
  d.pair.client->stream->write(" world");
  // Another connection's events show that the loop has turned with the bytes lying there.
  for (int i = 0; i < 3; ++i) {
    ConnectedPair other(d.loop);
    other.wait(d.loop);
  }
  CHECK(d.pair.server->readable == 1);
  CHECK(d.pair.server->received.empty());
  CHECK(read_now(d.stream(), 6) == "hello ");
  CHECK(read_now(d.stream(), 100) == "world");
  d.pair.client->stream->write("more");
  REQUIRE(d.until([&] { return d.pair.server->readable == 2; }));
  CHECK(read_now(d.stream(), 4) == "more");
  CHECK(d.pair.server->received.empty());
}

TEST_CASE("much that is asked for piece by piece is the same, and its end is told") {
  DemandedPair d;
  const std::string text = pattern(8 * 1024 * 1024);
  std::string got;
  d.pair.server->at_readable = [&] {
    for (std::string piece; !(piece = read_now(d.stream(), 100'000)).empty();) {
      got += piece;
    }
  };
  d.pair.client->stream->write(text);
  d.pair.client->stream->end();
  REQUIRE(d.until([&] { return d.pair.server->ended == 1; }));
  CHECK(got + d.pair.server->received == text);
  CHECK_FALSE(d.pair.server->failure.has_value());
}

TEST_CASE("what nobody asked for comes by itself once reading is as before") {
  DemandedPair d;
  d.pair.client->stream->write("first ");
  REQUIRE(d.until([&] { return d.pair.server->readable == 1; }));
  CHECK(read_now(d.stream(), 3) == "fir");
  d.stream().read_as_it_comes();
  d.pair.client->stream->write("second");
  d.pair.client->stream->end();
  REQUIRE(d.until([&] { return d.pair.server->ended == 1; }));
  CHECK(d.pair.server->received == "st second");
  CHECK(read_now(d.stream(), 3).empty());
}

TEST_CASE("a reset is told whether or not anybody asks") {
  DemandedPair d;
  bool asks = false;
  SUBCASE("asking") {
    asks = true;
  }
  SUBCASE("not asking") {}
  d.pair.server->at_readable = [&] {
    if (asks) {
      read_now(d.stream(), 100);
    }
  };
  d.pair.client->stream->write("unread");
  REQUIRE(d.until([&] { return d.pair.server->readable == 1; }));
  d.pair.client->stream->reset();
  REQUIRE(d.until([&] { return d.pair.server->failure.has_value(); }));
  CHECK(d.pair.server->ended == 0);
}

TEST_CASE("an encrypted stream is read as it comes") {
  EventLoop loop;
  ConnectedPair pair(loop);
  pair.wait(loop);
  const TlsPairContexts contexts;
  pair.server->stream->start_tls(TlsSession::accept(contexts.server));
  CHECK_FALSE(pair.server->stream->read_by_demand());
}
