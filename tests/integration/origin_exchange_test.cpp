#include <doctest/doctest.h>

#include "tests/support/site_world.hpp"

using namespace scpool;
using Ends = SiteWorld::Ends;

TEST_CASE("a GET goes out as one clean head and its answer comes back; the connection is kept") {
  SiteWorld world;
  TunnelClient& client =
      world.open(world.head("GET", "/x?y", {{"accept", "*/*"}, {"cookie", "a=1"}}));
  RecordedStream& site = world.site_got("\r\n\r\n");
  CHECK(site.received == "GET /x?y HTTP/1.1\r\nHost: " + world.authority() +
                             "\r\naccept: */*\r\ncookie: a=1\r\nVia: 2 worker-1\r\n\r\n");
  site.stream->write(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
      "Content-Encoding: gzip\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\nhello");
  world.finished(client);
  CHECK(client.heads.front() == Fields{{":status", "200"},
                                       {"content-length", "5"},
                                       {"set-cookie", "a"},
                                       {"set-cookie", "b"},
                                       {"content-encoding", "gzip"},
                                       {"via", "1.1 worker-1"}});
  CHECK(client.body == "hello");
  CHECK(client.closed == H2Code::NoError);
  CHECK(world.gateway->kept_connections() == 1);

  TunnelClient& second = world.open(world.head("GET", "/again"));
  REQUIRE(world.until([&] { return site.received.find("/again") != std::string::npos; }));
  CHECK(world.site.size() == 1);
  site.stream->write("HTTP/1.1 204 No Content\r\n\r\n");
  world.finished(second);
  CHECK(second.status() == "204");
  REQUIRE(world.records.size() == 2);
  CHECK(world.records[0].status == 200);
  CHECK(world.records[0].url == "http://" + world.authority() + "/x?y");
  CHECK(world.records[0].response_bytes == 5);
  CHECK(world.figures.requests().at({200, "GET"}).duration.count == 1);
  CHECK(world.figures.in_flight().at("GET") == 0);
  CHECK(world.figures.dials("localhost").dialed == 1);
  CHECK(world.gateway->active_requests() == 0);
}

TEST_CASE("bodies go up as they are: with a length, in chunks, with trailers") {
  SiteWorld world;
  TunnelClient& sized = world.open(world.head("POST", "/", {{"content-length", "5"}}), Ends::No);
  world.send(sized, "hel");
  world.send(sized, "lo", Ends::Yes);
  RecordedStream& first = world.site_got("hello");
  CHECK(first.received.find("content-length: 5\r\n") != std::string::npos);
  CHECK(first.received.find("ransfer-") == std::string::npos);
  first.stream->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  world.finished(sized);

  // A POST does not use the kept connection: it could not be sent again.
  TunnelClient& chunked = world.open(world.head("POST", "/", {{"te", "trailers"}}), Ends::No);
  RecordedStream& second = world.site_got("Transfer-Encoding: chunked\r\n\r\n", 1);
  CHECK(second.received.find("Connection: TE\r\n") != std::string::npos);
  world.send(chunked, "abc");
  world.site_got("\r\n3\r\nabc\r\n", 1);  // at once, not when the body is whole
  world.send(chunked, "0123456789abcdef");
  world.pair.server.link->send_trailers(chunked.stream, {{"x-sum", "7"}});
  world.site_got("10\r\n0123456789abcdef\r\n0\r\nx-sum: 7\r\n\r\n", 1);
  second.stream->write(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nxyz\r\n");
  REQUIRE(world.until([&] { return chunked.body == "xyz"; }));
  CHECK_FALSE(chunked.ended);
  second.stream->write("0\r\nX-Sum: 9\r\nContent-Length: 4\r\n\r\n");
  world.finished(chunked);
  CHECK(chunked.trailers == Fields{{"x-sum", "9"}});
  CHECK(world.gateway->kept_connections() == 2);
}

TEST_CASE("100-continue and other interim answers pass end to end") {
  SiteWorld world;
  TunnelClient& client = world.open(
      world.head("PUT", "/", {{"expect", "100-continue"}, {"content-length", "4"}}), Ends::No);
  RecordedStream& site = world.site_got("\r\n\r\n");
  CHECK(site.received.find("expect: 100-continue\r\n") != std::string::npos);
  site.stream->write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  REQUIRE(world.until([&] { return client.heads.size() == 2; }));
  CHECK(client.heads[0] == Fields{{":status", "103"}, {"link", "</a>"}});
  CHECK(client.heads[1] == Fields{{":status", "100"}});
  world.send(client, "body", Ends::Yes);
  world.site_got("body");
  site.stream->write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  world.finished(client);
  CHECK(client.status() == "201");

  TunnelClient& refused =
      world.open(world.head("POST", "/", {{"expect", "100-continue"}}), Ends::No);
  RecordedStream& second = world.site_got("\r\n\r\n", 1);
  second.stream->write("HTTP/1.1 417 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  second.stream->end();
  world.finished(refused);
  CHECK(refused.status() == "417");
  CHECK(refused.body == "no");
}

TEST_CASE("answers without a body: HEAD, 204, 304; what speaks of one is not kept") {
  SiteWorld world;
  struct Case {
    std::string method;
    std::string answer;
    std::string status;
    std::size_t kept;
  };
  for (const Case& one :
       {Case{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "200", 1},
        Case{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", "304", 1},
        Case{"GET", "HTTP/1.1 204 No\r\n\r\n", "204", 1},
        Case{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "200", 0},
        Case{"GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "200", 0},
        Case{"GET",
             "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
             "200",
             1},
        Case{"GET", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "204", 0},
        Case{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naX", "200", 0}}) {
    CAPTURE(one.answer);
    TunnelClient& client = world.open(world.head(one.method));
    REQUIRE(world.until(
        [&] { return !world.site.empty() && world.site.back()->received.ends_with("\r\n\r\n"); }));
    RecordedStream& site = *world.site.back();
    site.received.clear();
    site.stream->write(one.answer);
    world.finished(client);
    CHECK(client.status() == one.status);
    CHECK(client.body.size() == (one.answer.ends_with("aX") ? 1 : 0));
    CHECK(world.gateway->kept_connections() == one.kept);
  }
}

TEST_CASE("a close-delimited body ends well; every other early end is told as broken") {
  SiteWorld world;
  const auto answered = [&world](std::string_view answer) -> TunnelClient& {
    const std::size_t connection = world.site.size();
    TunnelClient& client = world.open(world.head("GET"));
    RecordedStream& site = world.site_got("\r\n\r\n", connection);
    site.stream->write(answer);
    site.stream->end();
    world.finished(client);
    return client;
  };
  TunnelClient& whole = answered("HTTP/1.1 200 OK\r\n\r\neverything there is");
  CHECK(whole.closed == H2Code::NoError);
  CHECK(whole.body == "everything there is");
  for (const char* early :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
    CAPTURE(early);
    TunnelClient& client = answered(early);
    CHECK(client.closed == H2Code::InternalError);
    CHECK_FALSE(client.ended);
    CHECK(world.records.back().error.has_value());
  }
}

TEST_CASE("a head does not wait for a body that does not come; together they go on when it does") {
  SiteWorld world;
  TunnelClient& slow = world.open(world.head("GET", "/slow"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  site.stream->write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  REQUIRE(world.until([&] { return slow.status() == "200"; }));
  CHECK(slow.body.empty());
  site.stream->write("hello");
  world.finished(slow);
  CHECK(slow.body == "hello");
  CHECK(world.gateway->kept_connections() == 1);

  // Cut between the two, on the same connection: the worker reads the head in a turn of its own. A
  // machine that stops for 5 ms just then parts them, hence several tries.
  bool together = false;
  for (int attempt = 0; attempt < 20 && !together; ++attempt) {
    TunnelClient& client = world.open(world.head("GET", "/cut"));
    const std::size_t before = site.received.size();
    REQUIRE(world.until([&] { return site.received.size() > before; }));
    site.stream->write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    world.loop.run_once();
    site.stream->write("first");
    REQUIRE(world.until([&] { return client.status() == "200"; }));
    together = client.body == "first";
    world.finished(client);
    CHECK(client.body == "first");
  }
  CHECK(together);
  CHECK(world.site.size() == 1);
  CHECK(world.records.back().status == 200);

  TunnelClient& gone = world.open(world.head("GET", "/gone"));
  REQUIRE(world.until([&] { return site.received.find("GET /gone") != std::string::npos; }));
  site.stream->write("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n");
  site.stream->end();
  world.finished(gone);
  CHECK(gone.closed == H2Code::InternalError);
  CHECK(world.records.back().status == 201);
}

TEST_CASE("answers that are not valid HTTP are 502 and say who failed") {
  SiteWorld world;
  for (const char* bad :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "SSH-2.0-x\r\n"}) {
    CAPTURE(bad);
    const std::size_t connection = world.site.size();
    TunnelClient& client = world.open(world.head("GET"));
    world.site_got("\r\n\r\n", connection).stream->write(bad);
    world.finished(client);
    CHECK(client.status() == "502");
    CHECK(client.field("proxy-status").starts_with("worker-1; error=http_protocol_error; "));
  }
  const std::size_t connection = world.site.size();
  TunnelClient& flooded = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n", connection);
  for (int i = 0; i <= limits::kMaxInterimResponses; ++i) {
    site.stream->write("HTTP/1.1 102 Processing\r\n\r\n");
  }
  world.finished(flooded);
  CHECK(flooded.status() == "502");
}

TEST_CASE("a kept connection that the site has closed costs nothing: one retry on a fresh one") {
  SiteWorld world;
  TunnelClient& first = world.open(world.head("GET"));
  RecordedStream& old = world.site_got("\r\n\r\n");
  old.stream->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  world.finished(first);
  // The site closes just when the next request is on its way.
  old.at_bytes = [&old](ByteView) { old.stream->end(); };
  TunnelClient& second = world.open(world.head("GET", "/second"));
  RecordedStream& fresh = world.site_got("\r\n\r\n", 1);
  CHECK(fresh.received.starts_with("GET /second "));
  fresh.stream->end();  // once more, before any byte: now it is an error
  world.finished(second);
  CHECK(second.status() == "502");
  CHECK(second.field("proxy-status").find("connection_terminated") != std::string::npos);
  CHECK(world.site.size() == 2);
}

TEST_CASE("a site that answers before it has read the upload, and closes") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("POST", "/"), Ends::No);
  world.send(client, "some of it");
  RecordedStream& site = world.site_got("some of it\r\n");
  site.stream->write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  REQUIRE(world.until([&] { return client.ended; }));
  site.stream->end();
  world.finished(client);
  CHECK(client.status() == "413");
  CHECK(client.body == "big");
}

TEST_CASE("server-sent events arrive one by one") {
  SiteWorld world;
  TunnelClient& client = world.open(world.head("GET"));
  RecordedStream& site = world.site_got("\r\n\r\n");
  site.stream->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  REQUIRE(world.until([&] { return client.status() == "200"; }));
  std::string all;
  for (int i = 0; i < 5; ++i) {
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    all += event;
    site.stream->write(event);
    REQUIRE(world.until([&] { return client.body == all; }));
  }
  // The browser leaves: the site sees its connection end.
  world.pair.server.link->reset(client.stream, H2Code::Cancel);
  REQUIRE(world.until([&] { return site.ended > 0 || site.failure.has_value(); }));
  CHECK(world.gateway->active_requests() == 0);
}
