// What a request and its answer look like from both ends.
#include <doctest/doctest.h>

#include "h2_pair.hpp"

using namespace scpool;

namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  }
  return text;
}

}  // namespace

TEST_CASE("both ends learn the other's settings first") {
  const H2Pair pair;
  CHECK(pair.client.settings == 1);
  CHECK(pair.server.settings == 1);
  CHECK(pair.client.session.can_open());
  CHECK_FALSE(pair.server.session.can_open());
}

TEST_CASE("a request with a body and its answer pass whole") {
  H2Pair pair;
  const StreamId stream = pair.client.session.open(request_head("/up", "POST"), false).value();
  CHECK(stream.value == 1);
  const std::string up = pattern(300'000);
  const std::string down = pattern(2'000'000);
  pair.client.session.send(stream, as_bytes(up), false);
  pair.run();
  CHECK(pair.client.seen[stream].space);
  pair.client.session.send(stream, {}, true);
  pair.run();
  SeenStream& request = pair.server.seen[stream];
  REQUIRE(request.heads.size() == 1);
  CHECK(request.heads[0] == request_head("/up", "POST"));
  CHECK(request.body == up);
  CHECK(request.ended);

  pair.server.session.respond(stream, response_head(), false);
  pair.server.session.send(stream, as_bytes(down), true);
  pair.run();
  SeenStream& response = pair.client.seen[stream];
  CHECK(response.heads.at(0) == response_head());
  CHECK(response.body == down);
  CHECK(response.ended);
  CHECK(response.closed == H2Code::NoError);
  CHECK(request.closed == H2Code::NoError);
  // Both ends count the same, without the stream's first 64 KiB.
  CHECK(pair.client.session.bulk_bytes() == up.size() + down.size() - 64 * 1024);
  CHECK(pair.server.session.bulk_bytes() == pair.client.session.bulk_bytes());
  CHECK(pair.client.session.active_streams() == 0);
  CHECK(pair.server.session.active_streams() == 0);
  CHECK(pair.client.session.held_bytes() == 0);
}

TEST_CASE("small answers are not bulk, however many") {
  H2Pair pair;
  for (int i = 0; i < 20; ++i) {
    const StreamId stream = pair.client.session.open(request_head(), true).value();
    pair.run();
    pair.server.session.respond(stream, response_head(), false);
    pair.server.session.send(stream, as_bytes(pattern(64 * 1024)), true);
    pair.run();
    CHECK(pair.client.seen[stream].ended);
  }
  CHECK(pair.client.session.bulk_bytes() == 0);
  CHECK(pair.server.session.bulk_bytes() == 0);
}

TEST_CASE("an end that rests loses nothing, between frames and in the middle of them") {
  H2Pair pair;
  const std::string up = pattern(100'000);
  for (const std::size_t most : {std::size_t{100}, std::size_t{20'000}}) {
    const StreamId stream = pair.client.session.open(request_head("/up", "POST"), false).value();
    pair.client.session.send(stream, as_bytes(up), true);
    ByteQueue wire;
    do {
      wire.clear();
      pair.client.session.pull(wire, most);
      pair.client.session.rest();
      for (; !wire.empty(); wire.drop(wire.front().size())) {
        pair.server.note(pair.server.session.receive(wire.front()).value());
      }
      pair.server.session.pull(wire, most);
      pair.server.session.rest();
      for (; !wire.empty(); wire.drop(wire.front().size())) {
        pair.client.note(pair.client.session.receive(wire.front()).value());
      }
    } while (pair.client.session.wants_write());
    CHECK(pair.server.seen[stream].heads.at(0) == request_head("/up", "POST"));
    CHECK(pair.server.seen[stream].body == up);
    CHECK(pair.server.seen[stream].ended);
  }
}

TEST_CASE("interim responses, trailers both ways and an answer without a body") {
  H2Pair pair;
  const StreamId stream = pair.client.session.open(request_head("/", "PUT"), false).value();
  pair.run();
  pair.server.session.respond(stream, response_head("100"), false);
  pair.server.session.respond(stream, {{":status", "103"}, {"link", "</a.css>"}}, false);
  pair.run();
  CHECK(pair.client.seen[stream].heads.size() == 2);
  pair.client.session.send(stream, as_bytes("body"), false);
  pair.client.session.send_trailers(stream, {{"checksum", "17"}});
  pair.run();
  CHECK(pair.server.seen[stream].body == "body");
  CHECK(pair.server.seen[stream].trailers == Fields{{"checksum", "17"}});
  CHECK(pair.server.seen[stream].ended);
  pair.server.session.respond(stream, response_head(), false);
  pair.server.session.send_trailers(stream, {{"grpc-status", "0"}});  // without any body byte
  pair.run();
  CHECK(pair.client.seen[stream].trailers == Fields{{"grpc-status", "0"}});
  CHECK(pair.client.seen[stream].closed == H2Code::NoError);

  const StreamId second = pair.client.session.open(request_head(), true).value();
  pair.run();
  CHECK(pair.server.seen[second].ended);
  pair.server.session.respond(second, response_head("204"), true);
  pair.run();
  CHECK(pair.client.seen[second].closed == H2Code::NoError);
}

TEST_CASE("extended CONNECT and CONNECT carry bytes both ways and close halfwise") {
  H2Pair pair;
  const Fields websocket = {{":method", "CONNECT"},
                            {":protocol", "websocket"},
                            {":scheme", "http"},
                            {":authority", "site.test"},
                            {":path", "/chat"}};
  const Fields connect = {{":method", "CONNECT"}, {":authority", "site.test:443"}};
  for (const Fields& head : {websocket, connect}) {
    const StreamId stream = pair.client.session.open(head, false).value();
    pair.run();
    REQUIRE(pair.server.seen[stream].heads.at(0) == head);
    pair.server.session.respond(stream, response_head(), false);
    pair.client.session.send(stream, as_bytes("ping"), false);
    pair.run();
    pair.client.session.send(stream, {}, true);
    pair.run();
    CHECK(pair.server.seen[stream].body == "ping");
    CHECK(pair.server.seen[stream].ended);
    pair.server.session.send(stream, as_bytes("pong"), false);  // after the other half closed
    pair.run();
    CHECK(pair.client.seen[stream].body == "pong");
    CHECK_FALSE(pair.client.seen[stream].closed.has_value());
    pair.server.session.send(stream, {}, true);
    pair.run();
    CHECK(pair.client.seen[stream].closed == H2Code::NoError);
    CHECK(pair.server.seen[stream].closed == H2Code::NoError);
  }
}

TEST_CASE("extended CONNECT is not sent to a peer that did not announce it") {
  H2Session client(H2Role::Client, {});
  H2Session server(H2Role::Server, {});
  ByteQueue wire;
  server.pull(wire, 4096);
  REQUIRE(client.receive(wire.front()).ok());
  CHECK_FALSE(client
                  .open({{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "http"},
                         {":authority", "site.test"},
                         {":path", "/chat"}},
                        false)
                  .ok());
}

TEST_CASE("byte by byte means the same as all at once") {
  for (const std::size_t cut : {std::size_t{1},
                                std::size_t{2},
                                std::size_t{8},
                                std::size_t{9},
                                std::size_t{10},
                                std::size_t{1000}}) {
    CAPTURE(cut);
    H2Pair pair;
    const StreamId stream = pair.client.session.open(request_head("/", "POST"), false).value();
    pair.client.session.send(stream, as_bytes(pattern(50'000)), false);
    pair.client.session.send_trailers(stream, {{"a", "b"}});
    pair.run(4096, cut);
    pair.server.session.respond(stream, response_head("103"), false);
    pair.server.session.respond(stream, response_head(), false);
    pair.server.session.send(stream, as_bytes(pattern(70'000)), true);
    pair.run(4096, cut);
    CHECK(pair.server.seen[stream].body == pattern(50'000));
    CHECK(pair.server.seen[stream].trailers.has_value());
    CHECK(pair.client.seen[stream].heads.size() == 2);
    CHECK(pair.client.seen[stream].body == pattern(70'000));
    CHECK(pair.client.seen[stream].closed == H2Code::NoError);
  }
}

TEST_CASE("a reset reaches the peer with its code, and nothing of the stream follows") {
  H2Pair pair;
  const StreamId stream = pair.client.session.open(request_head(), false).value();
  pair.run();
  pair.server.session.respond(stream, response_head(), false);
  pair.server.session.send(stream, as_bytes(pattern(5000)), false);
  pair.client.session.reset(stream, H2Code::Cancel);
  H2Pair::move(pair.server, pair.client);  // already on its way
  CHECK(pair.client.seen[stream].body.empty());
  pair.run();
  CHECK(pair.client.seen[stream].closed == H2Code::Cancel);
  CHECK(pair.server.seen[stream].closed == H2Code::Cancel);
  // Late calls find nobody.
  pair.server.session.send(stream, as_bytes("late"), true);
  pair.server.session.respond(stream, response_head(), true);
  pair.server.session.reset(stream, H2Code::Cancel);
  pair.server.session.consumed(stream, 10);
  pair.client.session.send_trailers(stream, {{"a", "b"}});
  pair.run();
  CHECK(pair.client.session.held_bytes() == 0);
  CHECK_FALSE(pair.client.session.failure().has_value());
}

TEST_CASE("NO_ERROR after a complete response is success, before it is not") {
  H2Pair pair;
  const StreamId early = pair.client.session.open(request_head("/", "POST"), false).value();
  const StreamId broken = pair.client.session.open(request_head("/", "POST"), false).value();
  pair.run();
  pair.server.session.respond(early, response_head("413"), false);
  pair.server.session.send(early, as_bytes(pattern(200'000)), true);
  pair.server.session.reset(early, H2Code::NoError);  // the body still waits to be sent
  pair.server.session.respond(broken, response_head(), false);
  pair.server.session.reset(broken, H2Code::NoError);
  pair.run();
  CHECK(pair.client.seen[early].body == pattern(200'000));
  CHECK(pair.client.seen[early].ended);
  CHECK(pair.client.seen[early].closed == H2Code::NoError);
  CHECK(pair.client.seen[broken].closed == H2Code::Cancel);
}

TEST_CASE("two GOAWAYs: streams under way finish, later ones were never processed") {
  H2Pair pair;
  const StreamId running = pair.client.session.open(request_head(), true).value();
  pair.run();
  pair.server.session.announce_shutdown();
  const StreamId crossing = pair.client.session.open(request_head(), true).value();
  ByteQueue on_the_way;
  pair.client.session.pull(on_the_way, 4096);
  H2Pair::move(pair.server, pair.client);
  CHECK(pair.client.goaways.at(0).last_stream.value == 0x7fffffff);
  CHECK_FALSE(pair.client.session.can_open());
  pair.server.note(pair.server.session.receive(on_the_way.front()).value());
  pair.run();
  pair.server.session.goaway(H2Code::NoError);
  pair.run();
  CHECK(pair.client.goaways.at(1).last_stream == crossing);
  CHECK_FALSE(pair.client.session.finished());
  pair.server.session.respond(running, response_head(), true);
  pair.server.session.respond(crossing, response_head(), true);
  pair.run();
  CHECK(pair.client.seen[running].closed == H2Code::NoError);
  CHECK(pair.client.seen[crossing].closed == H2Code::NoError);
  CHECK(pair.client.session.finished());
  CHECK(pair.server.session.finished());
}

TEST_CASE("a stream above the last id of a GOAWAY, or still unsent at it, says REFUSED_STREAM") {
  H2Pair pair;
  const StreamId processed = pair.client.session.open(request_head(), true).value();
  pair.run();
  const StreamId sent = pair.client.session.open(request_head(), true).value();
  ByteQueue lost;
  pair.client.session.pull(lost, 4096);
  pair.server.session.goaway(H2Code::NoError);
  const StreamId unsent = pair.client.session.open(request_head(), true).value();
  CHECK(pair.client.session.untouched(unsent));
  CHECK_FALSE(pair.client.session.untouched(sent));
  H2Pair::move(pair.server, pair.client);
  pair.run();
  CHECK(pair.client.seen[sent].closed == H2Code::RefusedStream);
  CHECK(pair.client.seen[unsent].closed == H2Code::RefusedStream);
  CHECK_FALSE(pair.client.seen[processed].closed.has_value());
}

TEST_CASE("a stream reset before it was sent never reaches the peer") {
  H2Pair pair;
  const StreamId stream = pair.client.session.open(request_head(), false).value();
  pair.client.session.send(stream, as_bytes("body"), true);
  pair.client.session.reset(stream, H2Code::Cancel);
  pair.run();
  CHECK(pair.client.seen[stream].closed.has_value());
  CHECK(pair.client.session.active_streams() == 0);
  CHECK_FALSE(pair.server.seen.contains(stream));
}

TEST_CASE("no more streams than the worker allows, and again when one ends") {
  H2Settings worker;
  worker.max_concurrent_streams = 3;
  H2Pair pair(worker);
  std::vector<StreamId> open;
  while (pair.client.session.can_open()) {
    open.push_back(pair.client.session.open(request_head(), true).value());
  }
  CHECK(open.size() == 3);
  CHECK(pair.client.session.open(request_head(), true).error().kind() == ErrorKind::Exhausted);
  pair.run();
  pair.server.session.respond(open[1], response_head(), true);
  pair.run();
  CHECK(pair.client.session.can_open());
}

TEST_CASE("pings come back with what they carried") {
  H2Pair pair;
  pair.client.session.ping(0x0123456789abcdefULL);
  pair.server.session.ping(7);
  pair.run();
  CHECK(pair.client.pings == std::vector<std::uint64_t>{0x0123456789abcdefULL});
  CHECK(pair.server.pings == std::vector<std::uint64_t>{7});
}

TEST_CASE("batches end at full records when there is plenty") {
  H2Pair pair;
  for (H2End* from : {&pair.client, &pair.server}) {
    const StreamId stream = pair.client.session.open(request_head("/", "POST"), false).value();
    pair.run();
    pair.server.session.respond(stream, response_head(), false);
    pair.run();
    from->session.send(stream, as_bytes(pattern(900'000)), true);
    for (int batch = 0; batch < 6; ++batch) {
      ByteQueue wire;
      from->session.pull(wire, limits::kMaxUnsentBytes);
      CHECK(wire.size() >= limits::kMaxUnsentBytes);
      CHECK(wire.size() % limits::kCarrierPayload == 0);
      CHECK(wire.front().size() == wire.size());
      H2End& to = from == &pair.client ? pair.server : pair.client;
      to.note(to.session.receive(wire.front()).value());
    }
    pair.run();
    H2End& to = from == &pair.client ? pair.server : pair.client;
    CHECK(to.seen[stream].body == pattern(900'000));
  }
}
