#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "common/io/http_client.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"
#include "worker/io/local_api.hpp"
#include "worker/io/registration.hpp"
#include "worker/io/worker_metrics.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

// A local API on a Unix socket, and the answers it gives.
struct ApiFixture {
  explicit ApiFixture(WorkerConfig given)
      : config(std::move(given)), log(open_log()), client(loop) {
    config.api_address = ApiAddress{.host = {}, .port = 0, .unix_path = directory.path("api.sock")};
    config.api_idle_timeout = 1min;
    api.emplace(
        loop,
        config,
        log,
        LocalApiSources{.facts = [this] { return facts; },
                        .metrics =
                            [this] {
                              return worker_metrics(
                                  {.facts = facts, .connections = nullptr, .origin = origin});
                            },
                        .configuration = "access-key: ***\n"});
    REQUIRE(api->listen().ok());
  }

  Log open_log() const {
    Result<Log> opened = Log::open({.file = directory.path("log")});
    REQUIRE(opened.ok());
    return std::move(opened).value();
  }

  HttpAnswer get(const std::string& path, const std::string& method = "GET") {
    HttpCall call;
    call.method = method;
    call.url = "http://worker" + path;
    call.unix_socket = config.api_address->unix_path;
    call.user = user;
    call.password = Secret(password);
    std::optional<HttpAnswer> answer;
    const HttpClient::Ticket ticket =
        client.start(std::move(call), [&answer](Result<HttpAnswer> result) {
          REQUIRE(result.ok());
          answer = std::move(result).value();
        });
    REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }

  TemporaryDirectory directory;
  EventLoop loop;
  WorkerConfig config;
  WorkerFacts facts;
  OriginFigures origin;
  Log log;
  std::string user;
  std::string password;
  std::optional<LocalApi> api;
  HttpClient client;
};

}  // namespace

TEST_CASE("ready and healthy are told apart") {
  ApiFixture fixture({});
  for (const char* path : {"/readyz", "/readiness", "/healthz"}) {
    CHECK(fixture.get(path).status == 503);
    CHECK(fixture.get(path).body == "Service Unavailable");
  }
  fixture.facts.connected = true;
  CHECK(fixture.get("/healthz").body == "OK");
  CHECK(fixture.get("/readyz").status == 503);
  fixture.facts.ready = true;
  CHECK(fixture.get("/readyz").status == 200);
  CHECK(fixture.get("/readyz").body == "OK");
  CHECK(fixture.get("/readiness").status == 200);
  CHECK(fixture.get("/liveness").status == 200);
}

TEST_CASE("the other answers") {
  ApiFixture fixture({});
  fixture.facts.tunnel_name = "web";
  CHECK(parse_json(fixture.get("/info").body)["tunnel_name"] == "web");
  CHECK(parse_json(fixture.get("/api/v1/status").body)["tunnelName"] == "web");
  CHECK(parse_json(fixture.get("/version").body)["version"] == SCPOOL_VERSION);
  CHECK(fixture.get("/configz").body == "access-key: ***\n");
  CHECK(fixture.get("/anything").body.find("/readyz") != std::string::npos);
  const HttpAnswer metrics = fixture.get("/metrics");
  CHECK(metrics.fields.find("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(metrics.body.find("\nsauce_connect_jobs_running 0\n") != std::string::npos);
  CHECK(metrics.body.find("name=\"web\"") != std::string::npos);
  CHECK(fixture.get("/readyz", "DELETE").status == 405);
}

TEST_CASE("with a credential nothing is told without it") {
  WorkerConfig config;
  config.api_credential = ApiCredential{.user = "ops", .password = Secret("right")};
  ApiFixture fixture(std::move(config));
  const HttpAnswer refused = fixture.get("/configz");
  CHECK(refused.status == 401);
  CHECK(refused.fields.find("www-authenticate") == "Basic realm=\"sc-worker\"");
  fixture.user = "ops";
  fixture.password = "wrong";
  CHECK(fixture.get("/configz").status == 401);
  fixture.password = "right";
  CHECK(fixture.get("/configz").status == 200);
}

namespace {

// A REST server that remembers what it was asked and answers what it is told.
struct RestFixture {
  RestFixture()
      : server(loop,
               {},
               [this](const HttpRequest& request, HttpReply reply) {
                 requests.push_back(request);
                 reply.send(next);
               }),
        log(*opened_log()) {
    const Result<Endpoint> at = server.listen_tcp({"127.0.0.1", 0}, nullptr);
    REQUIRE(at.ok());
    config.user = "max";
    config.access_key = Secret("key");
    config.rest_url = "http://" + at.value().text() + "/rest/v1";
    config.tunnel_name = "a pool";
    config.tunnel_pool = true;
    config.metadata = {{"runner", "test"}};
    registration.emplace(loop, config, log, "run --tunnel-pool=true");
  }

  Log* opened_log() {
    Result<Log> made = Log::open({.file = directory.path("log")});
    REQUIRE(made.ok());
    kept_log.emplace(std::move(made).value());
    return &*kept_log;
  }

  template <class T>
  auto keep(std::optional<RestOutcome<T>>& outcome) {
    return [&outcome](RestOutcome<T> given) { outcome = std::move(given); };
  }

  TemporaryDirectory directory;
  EventLoop loop;
  std::vector<HttpRequest> requests;
  HttpResponse next = json_response(200, "{}");
  HttpServer server;
  std::optional<Log> kept_log;
  Log& log;
  WorkerConfig config;
  std::optional<Registration> registration;
};

}  // namespace

TEST_CASE("a tunnel is created with what the REST contract asks for") {
  RestFixture rest;
  rest.next =
      json_response(200,
                    R"({"id":"0123456789abcdef0123456789abcdef","status":"running","host":"t:1",)"
                    R"("connect_secret":"c2VjcmV0"})");
  std::optional<RestOutcome<CreatedTunnel>> outcome;
  rest.registration->create(5s, rest.keep(outcome));
  REQUIRE(run_until(rest.loop, [&] { return outcome.has_value(); }));
  REQUIRE(std::holds_alternative<CreatedTunnel>(*outcome));
  CHECK(std::get<CreatedTunnel>(*outcome).connect_secret.reveal() == "c2VjcmV0");

  REQUIRE(rest.requests.size() == 1);
  CHECK(rest.requests[0].head.method == "POST");
  CHECK(rest.requests[0].path == "/rest/v1/max/tunnels");
  CHECK(rest.requests[0].basic_credentials() == std::pair<std::string, std::string>{"max", "key"});
  const auto body = parse_json(rest.requests[0].body);
  CHECK(body["tunnel_identifier"] == "a pool");
  CHECK(body["protocol"] == "h2c");
  CHECK(body["tunnel_pool"] == true);
  CHECK(body["metadata"]["extra"]["runner"] == "test");
  CHECK(body["metadata"]["command_args"] == "run --tunnel-pool=true");
}

TEST_CASE("refusals, silence and nonsense become problems with a sentence") {
  RestFixture rest;
  std::optional<RestOutcome<ServerUpdates>> outcome;
  const auto ask = [&]() -> RestProblem {
    outcome.reset();
    rest.registration->check_updates(5s, rest.keep(outcome));
    REQUIRE(run_until(rest.loop, [&] { return outcome.has_value(); }));
    REQUIRE(std::holds_alternative<RestProblem>(*outcome));
    return std::get<RestProblem>(*outcome);
  };
  rest.next = json_response(401, R"({"error":"wrong key"})");
  CHECK(ask().status == 401);
  CHECK(rest.requests.back().path == "/rest/v1/max/tunnels/info/updates");
  CHECK(rest.requests.back().parameter("tunnel_name") == "a pool");

  rest.next = json_response(503, R"({"error":"later"})");
  rest.next.fields.add("Retry-After", "7");
  CHECK(ask().retry_after == 7s);

  rest.next = json_response(200, "<html>");
  CHECK(ask().status == 500);

  rest.config.rest_url = "http://127.0.0.1:1/rest/v1";
  const RestProblem silent = ask();
  CHECK(silent.status == 0);
  CHECK(is_transient(silent));
}

TEST_CASE("a delete names its reason and whether to wait") {
  RestFixture rest;
  rest.next = json_response(200, R"({"result":true,"id":"x","jobs_running":3})");
  std::optional<RestOutcome<std::uint64_t>> outcome;
  rest.registration->remove(
      TunnelId{"x"}, DeleteTunnel::Wait::ForJobs, "sigterm", 5s, rest.keep(outcome));
  REQUIRE(run_until(rest.loop, [&] { return outcome.has_value(); }));
  CHECK(std::get<std::uint64_t>(*outcome) == 3);
  CHECK(rest.requests[0].head.method == "DELETE");
  CHECK(rest.requests[0].parameter("wait") == "1");
  CHECK(rest.requests[0].parameter("reason") == "sigterm");
}

TEST_CASE("a new call drops the one under way") {
  RestFixture rest;
  std::optional<RestOutcome<ServerUpdates>> first;
  std::optional<RestOutcome<std::uint64_t>> second;
  rest.registration->check_updates(5s, rest.keep(first));
  rest.next = json_response(200, R"({"jobs_running":0})");
  rest.registration->remove(TunnelId{"x"}, DeleteTunnel::Wait::No, "test", 5s, rest.keep(second));
  REQUIRE(run_until(rest.loop, [&] { return second.has_value(); }));
  CHECK_FALSE(first.has_value());
}

}  // namespace scpool::worker
