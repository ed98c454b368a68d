// The whole worker against a server in the same process: registration, connections, requests, ends.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tunnel_server.hpp"
#include "worker/worker.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

struct WorkerFixture {
  WorkerFixture() : server(loop) {
    config.user = "max";
    config.access_key = Secret("key");
    config.rest_url = server.rest_url();
    config.tunnel_name = "web";
    config.tunnel_pool = true;
    config.tunnel_connections = 3;
    config.max_concurrent_streams = 16;
    config.ca_files = {server.ca_file()};
    config.http.dial_timeout = 5s;
    config.http.dial_attempts = 1;
    config.http.tls_handshake_timeout = 5s;
    config.ready_file = directory.path("ready");
    config.log_file = directory.path("log");
    Result<Log> opened = Log::open({.file = config.log_file, .level = LogLevel::Debug});
    REQUIRE(opened.ok());
    log.emplace(std::move(opened).value());
    Result<TlsContext> made =
        TlsContext::for_client({.ca_files = config.ca_files, .only_these_roots = true});
    REQUIRE(made.ok());
    tls.emplace(std::move(made).value());
  }

  void start() {
    worker.emplace(loop,
                   WorkerSettings{.config = &config,
                                  .tls = &*tls,
                                  .log = &*log,
                                  .configuration = {},
                                  .command_line = "run"});
    const std::optional<ExitCause> cause = worker->start();
    REQUIRE_MESSAGE(!cause.has_value(), cause->sentence);
  }
  void wait_ready(std::size_t connections) {
    REQUIRE(run_until(loop, [&] {
      return server.ready_connections() == connections &&
             std::filesystem::exists(config.ready_file);
    }));
  }
  const ExitCause& wait_end() {
    REQUIRE(run_until(loop, [&] { return worker->ended(); }));
    return worker->exit_cause();
  }
  std::string log_text() const {
    std::ifstream file(config.log_file);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  TemporaryDirectory directory;
  EventLoop loop;
  ScriptedTunnelServer server;
  WorkerConfig config;
  std::optional<Log> log;
  std::optional<TlsContext> tls;
  std::optional<Worker> worker;
};

struct Answer final : TunnelStreamListener {
  void on_head(Fields given) override { head = std::move(given); }
  void on_body(std::span<const ByteView> /*parts*/) override {}
  void on_trailers(Fields /*trailers*/) override {}
  void on_end() override { ended = true; }
  void on_send_space() override {}
  void on_stream_closed(H2Code given) override { code = given; }

  Fields head;
  bool ended = false;
  std::optional<H2Code> code;
};

}  // namespace

TEST_CASE("a worker registers, connects, serves and stops cleanly") {
  WorkerFixture fixture;
  fixture.start();
  fixture.wait_ready(3);
  CHECK(fixture.server.bad_proofs == 0);
  CHECK(fixture.server.calls.at(0).starts_with("GET /rest/v1/max/tunnels/info/updates?"));
  CHECK(fixture.server.calls.at(1) == "POST /rest/v1/max/tunnels");
  CHECK(fixture.log_text().find("Sauce Connect is up, you may start your tests") !=
        std::string::npos);

  // The canary is answered by the worker itself, anything else by the way to the sites.
  Answer canary;
  Answer denied;
  TunnelLink& link = *fixture.server.connections.at(0)->link;
  REQUIRE(link.open({{":method", "GET"},
                     {":scheme", "http"},
                     {":authority", "worker"},
                     {":path", "/.well-known/tunnel-canary"}},
                    true,
                    canary)
              .ok());
  REQUIRE(link.open({{":method", "CONNECT"}, {":authority", "169.254.169.254:80"}}, false, denied)
              .ok());
  REQUIRE(run_until(fixture.loop, [&] { return canary.code && !denied.head.empty(); }));
  CHECK(canary.head.find(":status") == "204");
  CHECK(denied.head.find(":status") == "403");

  std::raise(SIGTERM);
  CHECK(fixture.wait_end().exit_class == ExitClass::Clean);
  CHECK(fixture.server.calls.back().ends_with("?reason=sigterm&wait=1"));
  fixture.worker.reset();
  CHECK_FALSE(std::filesystem::exists(fixture.config.ready_file));
  CHECK(run_until(fixture.loop, [&] { return fixture.server.all_closed(); }));
}

TEST_CASE("a stop waits while jobs run; the second signal does not") {
  WorkerFixture fixture;
  fixture.server.jobs_running = 1;
  fixture.start();
  fixture.wait_ready(3);
  std::raise(SIGTERM);
  REQUIRE(run_until(fixture.loop, [&] {
    return fixture.server.calls.back().find("wait=1") != std::string::npos;
  }));
  CHECK(fixture.server.ready_connections() == 3);
  CHECK_FALSE(fixture.worker->ended());
  std::raise(SIGINT);
  CHECK(fixture.wait_end().exit_class == ExitClass::Clean);
  CHECK(fixture.server.calls.back().find("wait=0") != std::string::npos);
}

TEST_CASE("a lost connection comes back with a higher epoch") {
  WorkerFixture fixture;
  fixture.start();
  fixture.wait_ready(3);
  const std::uint64_t before = fixture.server.connections.at(1)->upgrade.hello.epoch;
  fixture.server.connections.at(1)->link->close(H2Code::NoError);
  fixture.server.connections.at(1)->closed = true;
  REQUIRE(run_until(fixture.loop, [&] { return fixture.server.ready_connections() == 3; }));
  const UpgradeRequest& again = fixture.server.connections.back()->upgrade;
  CHECK(again.hello.connection == fixture.server.connections.at(1)->upgrade.hello.connection);
  CHECK(again.hello.epoch > before);
  CHECK(again.hello.instance == fixture.server.connections.at(0)->upgrade.hello.instance);
}

TEST_CASE("a server that forgot the tunnel gets a new one") {
  WorkerFixture fixture;
  fixture.start();
  fixture.wait_ready(3);
  fixture.server.upgrade_status = 404;
  for (const auto& connection : fixture.server.connections) {
    connection->link->close(H2Code::NoError);
    connection->closed = true;
  }
  REQUIRE(run_until(fixture.loop, [&] { return fixture.server.created == 2; }));
  fixture.server.upgrade_status = 101;
  REQUIRE(run_until(fixture.loop, [&] { return fixture.server.ready_connections() == 3; }));
  CHECK(fixture.log_text().find("serving again under a new tunnel id") != std::string::npos);
}

TEST_CASE("a tunnel that somebody else deleted ends the worker") {
  WorkerFixture fixture;
  fixture.start();
  fixture.wait_ready(3);
  fixture.server.connections.at(0)->link->send_control(control::Delete{"webui"});
  const ExitCause& cause = fixture.wait_end();
  CHECK(cause.exit_class == ExitClass::Remote);
  CHECK(cause.sentence == "tunnel terminated remotely: webui");
}

TEST_CASE("a full account is told in the server's words") {
  WorkerFixture fixture;
  fixture.server.create_status = 400;
  fixture.server.create_error = "Too many active org tunnels: 6 >= 5";
  fixture.start();
  const ExitCause& cause = fixture.wait_end();
  CHECK(cause.exit_class == ExitClass::Quota);
  CHECK(cause.sentence == "create tunnel: Too many active org tunnels: 6 >= 5");
}

TEST_CASE("a server with another certificate is not trusted") {
  WorkerFixture fixture;
  ScriptedTunnelServer other(fixture.loop);
  fixture.config.ca_files = {other.ca_file()};
  fixture.start();
  const ExitCause& cause = fixture.wait_end();
  CHECK(cause.exit_class == ExitClass::Trust);
  CHECK(fixture.server.created == 0);
}

}  // namespace scpool::worker
