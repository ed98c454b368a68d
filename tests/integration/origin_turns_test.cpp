// Large bodies of sites: read when it is their stream's turn, and still told from what follows.
#include <doctest/doctest.h>

#include "common/http/body_framing.hpp"
#include "tests/support/site_world.hpp"

using namespace scpool;
using Ends = SiteWorld::Ends;

namespace {

constexpr std::size_t kLarge = 12 * 1024 * 1024 + 77;

// Writes a body of PatternBytes, as the socket takes it, and then `behind`.
struct Pouring {
  Pouring(RecordedStream& its_site, std::size_t its_size, std::string its_end, bool ends)
      : site(its_site), size(its_size), behind(std::move(its_end)), closes(ends) {
    site.at_drained = [this] { go_on(); };
    go_on();
  }
  void go_on() {
    while (done < size && site.stream->queued() < limits::kWriteQueueHigh) {
      const ByteView piece = PatternBytes::at(done, size - done);
      site.stream->write(piece);
      done += piece.size();
    }
    if (done == size && !std::exchange(said_end, true)) {
      site.stream->write(behind);
      if (closes) {
        site.stream->end();
      }
    }
  }

  RecordedStream& site;
  std::size_t size;
  std::string behind;
  bool closes;
  std::size_t done = 0;
  bool said_end = false;
};

bool is_pattern(const TunnelClient& client, std::size_t size) {
  return client.body.size() == size && PatternBytes::matches(0, as_bytes(client.body));
}

std::string head_with_length(std::size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

}  // namespace

TEST_CASE(
    "a large answer with a length arrives whole, and its connection serves the next request") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  site.stream->write(head_with_length(kLarge));
  const Pouring pouring(site, kLarge, "", false);
  world.finished(client);
  CHECK(is_pattern(client, kLarge));
  CHECK(client.closed == H2Code::NoError);
  CHECK(world.records.back().response_bytes == kLarge);
  CHECK(world.gateway->kept_connections() == 1);
  site.received.clear();
  TunnelClient& next = world.open(world.head("GET", "/next"));
  world.site_got("\r\n\r\n").stream->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  world.finished(next);
  CHECK(next.body == "ok");
  CHECK(world.site.size() == 1);
}

TEST_CASE("bytes behind a large answer are not the next one's") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  site.stream->write(head_with_length(kLarge));
  const Pouring pouring(site, kLarge, "HTTP/1.1 200 OK\r\n", false);
  world.finished(client);
  CHECK(is_pattern(client, kLarge));
  TunnelClient& next = world.open(world.head("GET", "/next"));
  world.site_got("\r\n\r\n", 1).stream->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  world.finished(next);
  CHECK(next.body == "ok");
}

TEST_CASE("large chunks, with small ones and trailers behind them") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  std::string size;
  append_chunk_start(kLarge, size);
  site.stream->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size);
  const Pouring pouring(site, kLarge, "\r\n3\r\nend\r\n0\r\nX-Sum: 1\r\n\r\n", false);
  world.finished(client);
  REQUIRE(client.body.ends_with("end"));
  client.body.resize(client.body.size() - 3);
  CHECK(is_pattern(client, kLarge));
  CHECK(client.trailers == Fields{{"x-sum", "1"}});
  CHECK(world.gateway->kept_connections() == 1);
}

TEST_CASE("a large answer until the connection's end, and one that breaks off") {
  SiteWorld world;
  TunnelClient& whole = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  site.stream->write("HTTP/1.1 200 OK\r\n\r\n");
  const Pouring pouring(site, kLarge, "", true);
  world.finished(whole);
  CHECK(is_pattern(whole, kLarge));
  CHECK(whole.closed == H2Code::NoError);

  TunnelClient& broken = world.open(world.head("GET"));
  RecordedStream& other = world.site_got("\r\n\r\n", 1);
  other.stream->write(head_with_length(2 * kLarge));
  const Pouring half(other, kLarge, "", true);
  world.finished(broken);
  CHECK(broken.closed == H2Code::InternalError);
  CHECK(PatternBytes::matches(0, as_bytes(broken.body)));
}

TEST_CASE("CONNECT: much of the site's, then its end, while the other direction stays open") {
  SiteWorld world;
  TunnelClient& client = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return client.status() == "200"; }));
  RecordedStream& site = world.site_connected();
  const Pouring pouring(site, kLarge, "", true);
  REQUIRE(world.until([&] { return client.ended; }));
  CHECK(is_pattern(client, kLarge));
  world.send(client, "thanks", Ends::Yes);
  REQUIRE(world.until([&] { return site.ended == 1; }));
  CHECK(site.received == "thanks");
  world.finished(client);
  CHECK(client.closed == H2Code::NoError);
}

TEST_CASE("while a reader stands still no queue of ours holds its bytes, and it may go on or go") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  site.stream->write(head_with_length(kSize));
  const Pouring pouring(site, kSize, "", false);
  REQUIRE(world.until([&] { return client.body.size() > kLarge; }));
  client.reading = Reading::Never;
  const std::size_t from = client.body.size();
  REQUIRE(
      world.until([&] { return client.body.size() - from >= limits::kInitialStreamWindow / 2; }));
  // Until the window is used up; another request passes by meanwhile.
  TunnelClient& other = world.open(world.head("GET", "/other"));
  world.site_got("\r\n\r\n", 1).stream->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  world.finished(other);
  CHECK(pouring.done < kSize);
  CHECK(world.pair.worker.link->unsent(client.stream) == 0);
  SUBCASE("it goes on") {
    client.reading = Reading::AtOnce;
    world.pair.server.link->consumed(client.stream, SIZE_MAX);
    world.finished(client);
    CHECK(is_pattern(client, kSize));
  }
  SUBCASE("it goes") {
    world.pair.server.link->reset(client.stream, H2Code::Cancel);
    REQUIRE(world.until([&] { return site.failure.has_value() || site.ended == 1; }));
  }
}
