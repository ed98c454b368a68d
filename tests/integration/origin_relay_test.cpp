#include <doctest/doctest.h>

#include "common/http/field_rules.hpp"
#include "tests/support/site_world.hpp"

using namespace scpool;
using Ends = SiteWorld::Ends;

namespace {

std::string accept_of(const RecordedStream& site) {
  HeadParser parser(HeadParser::Kind::Request);
  parser.receive(as_bytes(site.received));
  REQUIRE(parser.state() == HeadParser::State::Done);
  CHECK(is_websocket_upgrade(parser.request()));
  return websocket_accept(*parser.request().fields.find("Sec-WebSocket-Key"));
}

Fields websocket_head(const SiteWorld& world) {
  return {{":method", "CONNECT"},
          {":protocol", "websocket"},
          {":scheme", "http"},
          {":authority", world.authority()},
          {":path", "/chat"},
          {"sec-websocket-version", "13"},
          {"sec-websocket-protocol", "v1"}};
}

}  // namespace

TEST_CASE("CONNECT: bytes both ways, each direction ends by itself") {
  SiteWorld world;
  TunnelClient& client = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return client.status() == "200"; }));
  RecordedStream& site = world.site_connected();
  world.send(client, "question");
  world.site_got("question");
  world.send(client, "!", Ends::Yes);
  world.site_got("question!");
  REQUIRE(world.until([&] { return site.ended == 1; }));
  site.stream->write("a late answer");
  REQUIRE(world.until([&] { return client.body == "a late answer"; }));
  CHECK_FALSE(client.ended);
  site.stream->end();
  world.finished(client);
  CHECK(client.ended);
  CHECK(client.closed == H2Code::NoError);
  CHECK_FALSE(site.failure.has_value());
  REQUIRE(world.until([&] { return !world.records.empty(); }));
  CHECK(world.records[0].method == "CONNECT");
  CHECK(world.records[0].request_bytes == 9);
}

TEST_CASE("CONNECT: the site speaks and ends first") {
  SiteWorld world;
  TunnelClient& client = world.open(world.connect_head(), Ends::No);
  RecordedStream& site = world.site_connected();
  site.stream->write("220 hello\r\n");
  site.stream->end();
  REQUIRE(world.until([&] { return client.ended; }));
  CHECK(client.body == "220 hello\r\n");
  world.send(client, "bye", Ends::Yes);
  world.site_got("bye");
  world.finished(client);
  CHECK(client.closed == H2Code::NoError);
}

TEST_CASE("CONNECT: a reset passes in both directions") {
  SiteWorld world;
  TunnelClient& first = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return first.status() == "200"; }));
  world.site_connected().stream->reset();
  world.finished(first);
  CHECK(first.closed == H2Code::ConnectError);

  TunnelClient& second = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return second.status() == "200"; }));
  RecordedStream& site = world.site_connected(1);
  world.pair.server.link->reset(second.stream, H2Code::ConnectError);
  REQUIRE(world.until([&] { return site.failure.has_value(); }));
  CHECK(site.ended == 0);
}

TEST_CASE("WebSocket: the handshake is checked, then bytes pass untouched") {
  SiteWorld world;
  TunnelClient& client = world.open(websocket_head(world), Ends::No);
  RecordedStream& site = world.site_got("\r\n\r\n");
  CHECK(site.received.starts_with("GET /chat HTTP/1.1\r\nHost: " + world.authority() + "\r\n"));
  const std::string accept = accept_of(site);
  site.received.clear();
  site.stream->write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept + "\r\nSec-WebSocket-Protocol: v1\r\n\r\n\x81\x02hi");
  REQUIRE(world.until([&] { return client.body == "\x81\x02hi"; }));
  CHECK(client.status() == "200");
  CHECK(client.field("sec-websocket-protocol") == "v1");
  CHECK(client.field("sec-websocket-accept").empty());
  world.send(client,
             "\x81\x83"
             "abcdxyz");
  world.site_got(
      "\x81\x83"
      "abcdxyz");
  world.send(client, "", Ends::Yes);
  REQUIRE(world.until([&] { return site.ended == 1; }));
  site.stream->end();
  world.finished(client);
  CHECK(client.closed == H2Code::NoError);
  REQUIRE(world.until([&] { return !world.records.empty(); }));
  CHECK(world.records[0].status == 101);
}

TEST_CASE("WebSocket: a refusal passes, a handshake that is none is 502") {
  SiteWorld world;
  TunnelClient& refused = world.open(websocket_head(world), Ends::No);
  world.site_got("\r\n\r\n").stream->write("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!");
  REQUIRE(world.until([&] { return refused.ended; }));
  CHECK(refused.status() == "403");
  CHECK(refused.body == "no!");
  for (const char* bad : {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                          "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
                          "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"}) {
    const std::size_t connection = world.site.size();
    TunnelClient& client = world.open(websocket_head(world), Ends::No);
    world.site_got("\r\n\r\n", connection).stream->write(bad);
    world.finished(client);
    CHECK(client.status() == "502");
  }
}

TEST_CASE("a slow reader bounds what is read from the site") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  client.reading = Reading::Never;
  RecordedStream& site = world.site_got("\r\n\r\n");
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  const std::string piece(64 * 1024, 's');
  std::size_t written = 0;
  const auto fill = [&] {
    while (written < kSize && site.stream->queued() < limits::kWriteQueueHigh) {
      site.stream->write(piece);
      written += piece.size();
    }
  };
  site.at_drained = fill;
  site.stream->write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
  fill();
  // Everybody stands still when the reader's window is used up. Another request passes by.
  REQUIRE(world.until([&] { return client.body.size() == limits::kInitialStreamWindow; }));
  TunnelClient& other = world.open(world.head("GET", "/other"));
  world.site_got("\r\n\r\n", 1).stream->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  world.finished(other);
  CHECK(client.body.size() == limits::kInitialStreamWindow);
  CHECK(world.pair.worker.link->unsent(client.stream) <=
        limits::kStreamSendBuffer + limits::kIoReadSize);
  CHECK(written < kSize);
  // The reader wakes up.
  client.reading = Reading::AtOnce;
  world.pair.server.link->consumed(client.stream, client.body.size());
  world.finished(client);
  CHECK(client.body.size() == kSize);
  CHECK(client.closed == H2Code::NoError);
}

TEST_CASE("a site that does not read bounds what it is sent") {
  SiteWorld world;
  TunnelClient& client = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return client.status() == "200"; }));
  RecordedStream& site = world.site_connected();
  site.stream->pause_reading();
  site.keep = false;
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  client.to_send = kSize;
  client.on_send_space();
  REQUIRE(world.until([&] { return client.sent >= limits::kInitialStreamWindow; }));
  TunnelClient& other = world.open(world.connect_head(), Ends::No);
  REQUIRE(world.until([&] { return other.status() == "200"; }));
  CHECK(client.sent < kSize);
  site.stream->resume_reading();
  REQUIRE(world.until([&] { return site.ended == 1; }));
  CHECK(site.received_size == kSize);
  site.stream->end();
  world.finished(client);
}
