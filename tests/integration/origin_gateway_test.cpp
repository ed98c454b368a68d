#include "worker/io/origin_gateway.hpp"

#include <doctest/doctest.h>

#include "tests/support/site_world.hpp"

using namespace scpool;
using namespace std::chrono_literals;
using Ends = SiteWorld::Ends;

namespace {

Fields get(std::string authority, std::string scheme = "http") {
  return {{":method", "GET"},
          {":scheme", std::move(scheme)},
          {":authority", std::move(authority)},
          {":path", "/"}};
}

void check_error(SiteWorld& world,
                 const Fields& head,
                 std::string_view status,
                 std::string_view error) {
  TunnelClient& client = world.open(head);
  world.finished(client);
  CAPTURE(head.find(":authority").value_or(""));
  CHECK(client.status() == status);
  CHECK(client.field("proxy-status").starts_with("worker-1; error=" + std::string(error)));
  CHECK(client.field("content-length") == std::to_string(client.body.size()));
  CHECK(client.closed == H2Code::NoError);
}

// A port on which nobody listens.
std::uint16_t closed_port(EventLoop& loop) {
  auto made = Listener::tcp(loop, {"127.0.0.1", 0}, [](std::unique_ptr<Stream>) {});
  REQUIRE(made.ok());
  return made.value()->endpoint().port;
}

}  // namespace

TEST_CASE("what may not be reached is refused before anything is connected to") {
  SiteWorld world(worker::LocalhostPolicy::Deny);
  check_error(world, world.head("GET"), "403", "http_request_denied");
  check_error(world, get("localhost:80"), "403", "http_request_denied");
  check_error(world, get("169.254.169.254"), "403", "destination_ip_prohibited");
  check_error(world, get("[::ffff:169.254.169.254]"), "403", "destination_ip_prohibited");
  check_error(world, get("2130706433"), "403", "http_request_denied");
  check_error(world,
              {{":method", "CONNECT"}, {":authority", "localhost:443"}},
              "403",
              "http_request_denied");
  check_error(
      world, {{":method", "CONNECT"}, {":authority", "mx.test:25"}}, "403", "http_request_denied");
  CHECK(world.site.empty());
  CHECK(world.figures.proxy_errors().at(ProxyErrorReason::HttpRequestDenied) == 5);
  CHECK(world.records.size() == 7);
}

TEST_CASE("our own endpoints, loops and malformed requests are refused") {
  SiteWorld world;
  world.own_endpoints = {{"0.0.0.0", world.listener->endpoint().port}};
  check_error(world, world.head("GET"), "403", "destination_ip_prohibited");
  check_error(world,
              get("[::1]:" + std::to_string(world.listener->endpoint().port)),
              "403",
              "destination_ip_prohibited");
  Fields loop = get("127.0.0.1:9");
  loop.add("via", "1.1 server, 2 worker-1");
  check_error(world, loop, "508", "proxy_loop_detected");
  check_error(world, get("a%20b"), "400", "http_request_error");
  CHECK(world.site.empty());
}

TEST_CASE("sites that cannot be reached") {
  SiteWorld world;
  check_error(world,
              get("127.0.0.1:" + std::to_string(closed_port(world.loop))),
              "502",
              "connection_refused");
  check_error(world, get("no-such-host.invalid"), "502", "dns_error");
  CHECK(world.figures.dials("localhost").errors == 1);
  world.config.http.dial_attempts = 2;
  world.config.http.dial_backoff = 1ms;
  check_error(world,
              get("127.0.0.1:" + std::to_string(closed_port(world.loop))),
              "502",
              "connection_refused");
  CHECK(world.figures.dials("localhost").retries == 1);
}

TEST_CASE("a site that does not answer in time") {
  SiteWorld world;
  world.config.http.response_header_timeout = 20ms;
  TunnelClient& client = world.open(world.head("GET"));
  world.finished(client);
  CHECK(client.status() == "504");
  CHECK(client.field("proxy-status").find("http_response_timeout") != std::string::npos);
}

TEST_CASE("one of several sites answers in time, and each other request has its own end") {
  SiteWorld world;
  world.config.http.response_header_timeout = 1s;
  TunnelClient& early = world.open(world.head("GET", "/early"));
  world.site_got("\r\n\r\n", 0);
  TunnelClient& good = world.open(world.head("GET", "/good"));
  world.site_got("\r\n\r\n", 1).stream->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  world.finished(good);
  TunnelClient& late = world.open(world.head("GET", "/late"));
  world.finished(early);
  world.finished(late);
  CHECK(good.status() == "200");
  CHECK(early.status() == "504");
  CHECK(late.status() == "504");
  CHECK(world.gateway->active_requests() == 0);
}

TEST_CASE("an idle connection serves its own site only, and goes when it stirs or is old") {
  SiteWorld world;
  const auto ask = [&world](const Fields& head, std::size_t connection) {
    TunnelClient& client = world.open(head);
    RecordedStream& site = world.site_got("\r\n\r\n", connection);
    site.received.clear();
    site.stream->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    world.finished(client);
  };
  const std::string port = std::to_string(world.listener->endpoint().port);
  SUBCASE("stirred") {
    ask(world.head("GET"), 0);
    ask(get("localhost:" + port), 1);  // another name for the same listener
    ask(world.head("GET"), 0);
    CHECK(world.gateway->kept_connections() == 2);
    world.site[0]->stream->write("unasked");
    REQUIRE(world.until([&] { return world.gateway->kept_connections() == 1; }));
    ask(get("localhost:" + port), 1);
    ask(world.head("GET"), 2);
    CHECK(world.figures.dials("localhost").closed == 1);
  }
  SUBCASE("old") {
    world.config.http.idle_connection_timeout = 20ms;
    ask(world.head("GET"), 0);
    REQUIRE(world.until([&] { return world.gateway->kept_connections() == 0; }));
    CHECK(world.figures.dials("localhost").closed == 1);
  }
}

TEST_CASE("https to a site is verified") {
  SiteWorld world;
  const TlsPairContexts contexts;
  world.client_tls = &contexts.client;
  world.site_tls = &contexts.server;
  const std::string port = std::to_string(world.listener->endpoint().port);
  TunnelClient& good = world.open(get("localhost:" + port, "https"));
  world.site_got("\r\n\r\n").stream->write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
  world.finished(good);
  CHECK(good.body == "secret");
  CHECK(world.gateway->kept_connections() == 1);
  // The certificate is for another name.
  check_error(world, get("x.localhost:" + port, "https"), "502", "tls_certificate_error");
  world.site_tls = nullptr;  // speaks no TLS at all
  TunnelClient& plain = world.open(get("a.localhost:" + port, "https"));
  REQUIRE(world.until([&] { return world.site.size() >= 3; }));
  world.site.back()->stream->write("HTTP/1.1 400 Bad Request\r\n\r\n");
  world.finished(plain);
  CHECK(plain.status() == "502");
  CHECK(plain.field("proxy-status").find("tls_protocol_error") != std::string::npos);
}

TEST_CASE("a link that goes takes its requests along; so does the gateway") {
  SiteWorld world;
  world.open(world.head("GET"));
  world.open(world.connect_head(), Ends::No);
  RecordedStream& first = world.site_connected(0);
  RecordedStream& second = world.site_connected(1);
  REQUIRE(world.until([&] { return world.gateway->active_requests() == 2; }));
  world.gateway->link_gone(*world.pair.worker.link);
  CHECK(world.gateway->active_requests() == 0);
  const auto is_over = [](const RecordedStream& site) {
    return site.ended > 0 || site.failure.has_value();
  };
  REQUIRE(world.until([&] { return is_over(first) && is_over(second); }));

  TunnelClient& third = world.open(world.head("GET", "/third"));
  world.site_got("\r\n\r\n", 2);
  world.gateway.reset();
  world.finished(third);
  CHECK(third.closed == H2Code::Cancel);
  CHECK(world.records.size() == 3);
}

TEST_CASE("many requests at once, none lost") {
  SiteWorld world;
  constexpr std::size_t kCount = 200;
  for (std::size_t i = 0; i < kCount; ++i) {
    world.open(world.head("GET", "/" + std::to_string(i)));
  }
  std::size_t answered = 0;
  REQUIRE(world.until([&] {
    for (const auto& site : world.site) {
      if (site->received.ends_with("\r\n\r\n")) {
        const std::string path = site->received.substr(5, site->received.find(' ', 5) - 5);
        site->received.clear();
        site->stream->write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) +
                            "\r\n\r\n" + path);
        ++answered;
      }
    }
    return answered == kCount;
  }));
  for (std::size_t i = 0; i < kCount; ++i) {
    world.finished(*world.clients[i]);
    CHECK(world.clients[i]->body == std::to_string(i));
  }
  CHECK(world.gateway->active_requests() == 0);
}
