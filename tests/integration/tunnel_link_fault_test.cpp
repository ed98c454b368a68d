// A link against a peer that is silent, wrong or gone, written down frame by frame.
#include <doctest/doctest.h>

#include "tests/support/tunnel_pair.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

// A worker of which every move is the test's.
struct ScriptedWorker {
  ScriptedWorker(EventLoop& its_loop, const TunnelLinkSettings& settings)
      : loop(its_loop), sockets(its_loop), h2(H2Role::Server, {}) {
    sockets.wait(loop);
    server.link = std::make_unique<TunnelLink>(
        loop, std::move(sockets.server->stream), ByteView(), settings, server);
    sockets.client->at_bytes = [this](ByteView bytes) {
      Result<std::vector<H2Event>> events = h2.receive(bytes);
      if (events.ok() && !mute) {
        for (const H2Event& event : events.value()) {
          take(event);
        }
        say();
      }
    };
  }
  void take(const H2Event& event) {
    if (const auto* request = std::get_if<h2::RequestReceived>(&event)) {
      if (request->head.find(":path") == "/.well-known/tunnel-control") {
        control = request->stream;
        h2.respond(request->stream, {{":status", "200"}}, false);
        h2.send(request->stream, as_bytes(to_line(control::Ready{})), false);
      } else {
        requests.push_back(request->stream);
      }
    } else if (const auto* closed = std::get_if<h2::StreamClosed>(&event)) {
      ended.push_back(closed->stream);
    } else if (std::holds_alternative<h2::PingAcknowledged>(event)) {
      ++pings;
    }
  }
  void say() {
    ByteQueue wire;
    h2.pull(wire, 1024 * 1024);
    for (; !wire.empty(); wire.drop(wire.front().size())) {
      sockets.client->stream->write(wire.front());
    }
  }

  EventLoop& loop;
  ConnectedPair sockets;
  H2Session h2;
  TunnelEnd server;
  StreamId control;
  std::vector<StreamId> requests;
  std::vector<StreamId> ended;
  int pings = 0;
  bool mute = false;
};

}  // namespace

TEST_CASE("a peer that falls silent is suspected, then given up") {
  EventLoop loop;
  TunnelLinkSettings settings;
  settings.liveness = {40ms, 40ms, 300ms, 60ms};
  ScriptedWorker worker(loop, settings);
  REQUIRE(run_until(loop, [&] { return worker.server.ready == 1; }));
  TunnelUser& user = worker.server.open();
  worker.mute = true;
  REQUIRE(run_until(loop, [&] { return worker.server.failure.has_value(); }));
  CHECK(worker.server.failure->kind() == ErrorKind::TimedOut);
  CHECK(worker.server.suspicions.back());
  CHECK(user.closed.has_value());
}

TEST_CASE("a suspect that speaks again is trusted again") {
  EventLoop loop;
  TunnelLinkSettings settings;
  settings.liveness = {40ms, 40ms, 30s, 60ms};
  ScriptedWorker worker(loop, settings);
  REQUIRE(run_until(loop, [&] { return worker.server.ready == 1; }));
  worker.server.open();
  worker.mute = true;
  REQUIRE(run_until(loop, [&] { return worker.server.link->figures().suspect; }));
  worker.mute = false;
  worker.say();
  REQUIRE(run_until(loop, [&] { return !worker.server.link->figures().suspect; }));
  CHECK(worker.server.suspicions == std::vector<bool>{true, false});
}

TEST_CASE("pings are answered but no requests: two canaries, then the connection is given up") {
  EventLoop loop;
  TunnelLinkSettings settings;
  settings.canary_period = 50ms;
  TunnelPair pair(loop, Wire::Plain, settings);
  pair.worker.answer_canaries = false;
  REQUIRE(run_until(loop, [&] { return pair.server.failure.has_value(); }));
  CHECK(pair.server.failure->kind() == ErrorKind::TimedOut);
  CHECK(pair.worker.canaries == 2);
}

TEST_CASE("canaries that are answered go on") {
  EventLoop loop;
  TunnelLinkSettings settings;
  settings.canary_period = 20ms;
  TunnelPair pair(loop, Wire::Plain, settings);
  REQUIRE(run_until(loop, [&] { return pair.worker.canaries >= 10; }));
  CHECK_FALSE(pair.server.failure.has_value());
}

TEST_CASE("a stream the peer does not list twice is an orphan; listed ones and new ones live") {
  EventLoop loop;
  TunnelLinkSettings settings;
  ScriptedWorker worker(loop, settings);
  REQUIRE(run_until(loop, [&] { return worker.server.ready == 1; }));
  TunnelUser& orphan = worker.server.open();
  TunnelUser& listed = worker.server.open();
  REQUIRE(run_until(loop, [&] { return worker.requests.size() == 3; }));  // one is the canary
  const auto sync = [&] {
    worker.h2.send(
        worker.control,
        as_bytes(to_line(control::Sync{{worker.requests[0].value, listed.stream.value}})),
        false);
    worker.say();
  };
  sync();
  worker.h2.ping(1);
  worker.say();
  REQUIRE(run_until(loop, [&] { return worker.pings == 1; }));
  TunnelUser& later = worker.server.open();
  REQUIRE(run_until(loop, [&] { return worker.requests.size() == 4; }));
  CHECK_FALSE(orphan.closed.has_value());
  sync();
  REQUIRE(run_until(loop, [&] { return orphan.closed.has_value(); }));
  CHECK(orphan.closed == H2Code::Cancel);
  CHECK_FALSE(listed.closed.has_value());
  CHECK_FALSE(later.closed.has_value());
}

TEST_CASE("both sides list their streams for each other, and nothing that lives is reset") {
  EventLoop loop;
  TunnelLinkSettings settings;
  settings.sync_period = 10ms;
  settings.canary_period = 15ms;
  TunnelPair pair(loop, Wire::Plain, settings);
  pair.wait_ready();
  pair.worker.serve(0);
  pair.worker.at_request = nullptr;  // never answered: they live on
  for (int i = 0; i < 20; ++i) {
    pair.server.open(1000);
  }
  REQUIRE(run_until(loop, [&] { return pair.worker.canaries >= 40; }));
  for (const auto& [stream, user] : pair.server.users) {
    CHECK_FALSE(user->closed.has_value());
  }
}

TEST_CASE("what is no tunnel ends the link with a reason") {
  const std::string cases[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      std::string("\0\0\0\4\0\0\0\0\0\xff\xff\xff\1\0\0\0\0\0", 18),
  };
  for (const std::string& bytes : cases) {
    EventLoop loop;
    ConnectedPair sockets(loop);
    sockets.wait(loop);
    TunnelEnd server;
    server.link = std::make_unique<TunnelLink>(
        loop, std::move(sockets.server->stream), ByteView(), TunnelLinkSettings{}, server);
    sockets.client->stream->write(bytes);
    REQUIRE(run_until(loop, [&] { return server.failure.has_value(); }));
    CHECK(server.failure->kind() == ErrorKind::Protocol);
    CHECK(server.ready == 0);
  }
}

TEST_CASE("nonsense on the control stream ends the link") {
  EventLoop loop;
  ScriptedWorker worker(loop, {});
  REQUIRE(run_until(loop, [&] { return worker.server.ready == 1; }));
  worker.h2.send(worker.control, as_bytes("not json\n"), false);
  worker.say();
  REQUIRE(run_until(loop, [&] { return worker.server.failure.has_value(); }));
  CHECK(worker.server.failure->kind() == ErrorKind::Protocol);
}

TEST_CASE("bytes that came with the upgrade are the first ones") {
  EventLoop loop;
  ConnectedPair sockets(loop);
  sockets.wait(loop);
  H2Session client(H2Role::Client, {});
  const StreamId control = client
                               .open({{":method", "POST"},
                                      {":scheme", "https"},
                                      {":authority", "tunnel"},
                                      {":path", "/.well-known/tunnel-control"}},
                                     false)
                               .value();
  ByteQueue first;
  client.pull(first, 4096);
  const std::string bytes = first.to_string();
  const std::size_t cut = bytes.size() / 2;
  TunnelLinkSettings settings;
  settings.side = TunnelLinkSettings::Side::Worker;
  TunnelEnd worker;
  worker.link = std::make_unique<TunnelLink>(
      loop, std::move(sockets.server->stream), as_bytes(bytes).first(cut), settings, worker);
  CHECK(worker.ready == 0);  // nobody is called from the constructor
  sockets.client->stream->write(as_bytes(bytes).subspan(cut));
  bool answered = false;
  sockets.client->at_bytes = [&](ByteView answer) {
    const Result<std::vector<H2Event>> events = client.receive(answer);
    REQUIRE(events.ok());
    for (const H2Event& event : events.value()) {
      const auto* head = std::get_if<h2::HeadReceived>(&event);
      answered = answered || (head != nullptr && head->stream == control);
    }
  };
  REQUIRE(run_until(loop, [&] { return answered; }));
  CHECK(worker.ready == 1);
}

TEST_CASE("a client that begins with anything but the control stream is refused") {
  EventLoop loop;
  ConnectedPair sockets(loop);
  sockets.wait(loop);
  TunnelLinkSettings settings;
  settings.side = TunnelLinkSettings::Side::Worker;
  TunnelEnd worker;
  worker.link = std::make_unique<TunnelLink>(
      loop, std::move(sockets.server->stream), ByteView(), settings, worker);
  H2Session client(H2Role::Client, {});
  REQUIRE(client
              .open({{":method", "GET"},
                     {":scheme", "http"},
                     {":authority", "site.test"},
                     {":path", "/"}},
                    true)
              .ok());
  ByteQueue first;
  client.pull(first, 4096);
  sockets.client->stream->write(first.front());
  REQUIRE(run_until(loop, [&] { return worker.failure.has_value(); }));
  CHECK(worker.failure->kind() == ErrorKind::Protocol);
  CHECK(worker.requests.empty());
}
