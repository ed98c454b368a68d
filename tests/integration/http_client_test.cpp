#include "common/io/http_client.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <optional>

#include "common/io/http_server.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

struct Bench {
  Bench()
      : server(loop, {}, [this](HttpRequest request, HttpReply reply) {
          answer(std::move(request), std::move(reply));
        }) {}

  Result<HttpAnswer> call(HttpCall wanted) {
    std::optional<Result<HttpAnswer>> got;
    const auto ticket = client.start(std::move(wanted), [&](Result<HttpAnswer> answered) {
      CHECK_FALSE(got.has_value());
      got = std::move(answered);
    });
    CHECK_FALSE(got.has_value());  // never from inside the call
    run_until(loop, [&] { return got.has_value(); });
    CHECK_FALSE(ticket.pending());
    return *got;
  }

  EventLoop loop;
  std::function<void(HttpRequest, HttpReply)> answer = [](const HttpRequest& request,
                                                          HttpReply reply) {
    reply.send({200,
                {{"X-Method", request.head.method},
                 {"X-User", request.basic_credentials().value_or(std::pair("", "")).first}},
                request.path + "?" + request.query + "=" + request.body});
  };
  HttpServer server;
  HttpClient client{loop};
};

}  // namespace

TEST_CASE("calls over TCP and Unix sockets, with methods, bodies, fields and credentials") {
  Bench bench;
  const TemporaryDirectory directory;
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, nullptr).value();
  REQUIRE(bench.server.listen_unix(directory.path("s"), 0600).ok());
  for (const std::string& socket : {std::string(), directory.path("s")}) {
    const std::string base = socket.empty() ? "http://" + at.text() : "http://pool";
    for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
      HttpCall call;
      call.method = method;
      call.url = base + "/a/b?c=d";
      call.unix_socket = socket;
      call.body = method == std::string("GET") ? "" : "body";
      call.user = "me";
      call.password = Secret("key");
      const auto got = bench.call(call);
      REQUIRE(got.ok());
      CHECK(got.value().status == 200);
      CHECK(got.value().fields.find("x-method") == method);
      CHECK(got.value().fields.find("X-User") == "me");
      CHECK(got.value().body == "/a/b?c=d=" + call.body);
    }
    HttpCall head;
    head.method = "HEAD";
    head.url = base + "/";
    head.unix_socket = socket;
    const auto got = bench.call(head);
    REQUIRE(got.ok());
    CHECK(got.value().body.empty());
    CHECK(got.value().fields.find("Content-Length") == "3");
  }
}

TEST_CASE("nothing is added to a request that was not asked for") {
  Bench bench;
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, nullptr).value();
  Fields seen;
  bench.answer = [&](const HttpRequest& request, HttpReply reply) {
    seen = request.head.fields;
    reply.send(text_response(200, ""));
  };
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  HttpCall call;
  call.method = "POST";
  call.url = "http://" + at.text() + "/";
  call.body = std::string(100'000, 'x');
  call.fields = {{"X-Empty", ""}, {"X-Full", "a b"}};
  REQUIRE(bench.call(call).ok());
  unsetenv("http_proxy");
  CHECK(seen.count("Expect") == 0);
  CHECK(seen.count("Content-Type") == 0);
  CHECK(seen.count("Authorization") == 0);
  CHECK(seen.find("X-Empty") == "");
  CHECK(seen.find("X-Full") == "a b");
}

TEST_CASE("an answer that comes too late, is too large or never comes is an error of its kind") {
  Bench bench;
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, nullptr).value();
  std::vector<HttpReply> held;
  bench.answer = [&](const HttpRequest& request, HttpReply reply) {
    if (request.path == "/large") {
      reply.send(text_response(200, std::string(2000, 'x')));
    } else if (request.path == "/streamed") {
      reply.begin({200, {}, ""});
      reply.write(std::string(2000, 'x'));
      reply.end();
    } else if (request.path == "/broken") {
      reply.begin({200, {}, "half"});
    } else {
      held.push_back(std::move(reply));
    }
  };
  HttpCall call;
  call.max_body = 1000;
  for (const char* path : {"/large", "/streamed"}) {
    call.url = "http://" + at.text() + path;
    const auto large = bench.call(call);
    REQUIRE_FALSE(large.ok());
    CHECK(large.error().kind() == ErrorKind::Exhausted);
  }
  call.url = "http://" + at.text() + "/broken";
  CHECK_FALSE(bench.call(call).ok());
  call.url = "http://" + at.text() + "/slow";
  call.timeout = std::chrono::milliseconds{50};
  const auto slow = bench.call(call);
  REQUIRE_FALSE(slow.ok());
  CHECK(slow.error().kind() == ErrorKind::TimedOut);
  CHECK(slow.error().sentence() == "GET " + call.url + ": no complete answer within 50ms");

  bench.server.stop_listening();
  call.timeout = std::chrono::seconds{10};
  const auto refused = bench.call(call);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind() == ErrorKind::Unreachable);
  call.url = "ftp://127.0.0.1/";
  CHECK(bench.call(call).error().kind() == ErrorKind::Invalid);
  call.url = "http://user:secret@127.0.0.1/";
  CHECK(bench.call(call).error().kind() == ErrorKind::Invalid);
}

TEST_CASE("a dropped ticket cancels, and so does the client's end") {
  Bench bench;
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, nullptr).value();
  std::vector<HttpReply> held;
  int gone = 0;
  bench.answer = [&](const HttpRequest&, HttpReply reply) {
    reply.on_gone([&] { ++gone; });
    reply.begin({200, {}, "begun"});
    held.push_back(std::move(reply));
  };
  const auto never = [](const Result<HttpAnswer>&) { FAIL("cancelled"); };
  HttpCall call;
  call.url = "http://" + at.text() + "/";
  { const auto dropped_at_once = bench.client.start(call, never); }
  auto second = std::make_unique<HttpClient>(bench.loop);
  auto ticket = bench.client.start(call, never);
  auto other = second->start(call, never);
  auto moved = std::move(ticket);
  CHECK(moved.pending());
  CHECK_FALSE(ticket.pending());  // NOLINT(bugprone-use-after-move)
  REQUIRE(run_until(bench.loop, [&] { return held.size() == 2; }));
  moved = HttpClient::Ticket{};
  second.reset();
  CHECK_FALSE(other.pending());
  CHECK(run_until(bench.loop, [&] { return gone == 2; }));
}

TEST_CASE("an answer may start a call, drop another one, or end the client") {
  Bench bench;
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, nullptr).value();
  HttpCall call;
  call.url = "http://" + at.text() + "/";
  auto client = std::make_unique<HttpClient>(bench.loop);
  HttpClient::Ticket first;
  HttpClient::Ticket next;
  std::vector<HttpClient::Ticket> many;
  int answers = 0;
  bool ended = false;
  first = client->start(call, [&](const Result<HttpAnswer>&) {
    ++answers;
    for (int i = 0; i < 10; ++i) {
      many.push_back(client->start(call, [&](const Result<HttpAnswer>&) {
        ++answers;
        many.clear();  // the others, done or not
        next = client->start(call, [&](const Result<HttpAnswer>&) {
          client.reset();
          ended = true;
        });
      }));
    }
  });
  CHECK(run_until(bench.loop, [&] { return ended; }));
  CHECK(answers == 2);
}

TEST_CASE("TLS is verified against the roots that were named, in words when it fails") {
  Bench bench;
  const TlsPairContexts mine({"localhost"});
  const TlsPairContexts other({"127.0.0.1"});
  const Endpoint at = bench.server.listen_tcp({"127.0.0.1", 0}, &mine.server).value();
  Bytes binding;
  bench.answer = [&](const HttpRequest& request, HttpReply reply) {
    binding = request.channel_binding;
    reply.send(text_response(200, "secret"));
  };
  HttpCall call;
  call.url = "https://localhost:" + std::to_string(at.port) + "/";
  call.ca_files = {mine.ca_file};
  const auto good = bench.call(call);
  REQUIRE_MESSAGE(good.ok(), good.error().sentence());
  CHECK(good.value().body == "secret");
  CHECK(binding.size() == 32);

  call.only_these_cas = true;
  const auto without_the_systems = bench.call(call);
  REQUIRE_MESSAGE(without_the_systems.ok(), without_the_systems.error().sentence());
  CHECK(without_the_systems.value().body == "secret");
  call.ca_files = {other.ca_file};
  CHECK(bench.call(call).error().kind() == ErrorKind::Denied);
  call.only_these_cas = false;

  // The kept connection was verified against other roots: it must not be used for this call.
  call.ca_files = {other.ca_file};
  const auto wrong_root = bench.call(call);
  REQUIRE_FALSE(wrong_root.ok());
  CHECK(wrong_root.error().kind() == ErrorKind::Denied);
  CHECK(wrong_root.error().sentence().find("certificate") != std::string::npos);
  call.ca_files = {};
  CHECK(bench.call(call).error().kind() == ErrorKind::Denied);

  call.url = "https://127.0.0.1:" + std::to_string(at.port) + "/";
  call.ca_files = {mine.ca_file};
  const auto wrong_name = bench.call(call);
  REQUIRE_FALSE(wrong_name.ok());
  CHECK(wrong_name.error().kind() == ErrorKind::Denied);
  CHECK(wrong_name.error().sentence().find("127.0.0.1") != std::string::npos);

  call.ca_files = {"/nonexistent/ca.pem"};
  const auto no_file = bench.call(call);
  REQUIRE_FALSE(no_file.ok());
  CHECK(no_file.error().sentence().find("/nonexistent/ca.pem") != std::string::npos);
}

TEST_CASE("credentials of the peer come with requests over a Unix socket") {
  Bench bench;
  const TemporaryDirectory directory;
  REQUIRE(bench.server.listen_unix(directory.path("s"), 0600).ok());
  std::optional<PeerCredentials> seen;
  bench.answer = [&](const HttpRequest& request, HttpReply reply) {
    seen = request.credentials;
    reply.send(text_response(200, ""));
  };
  HttpCall call;
  call.url = "http://pool/v1/status";
  call.unix_socket = directory.path("s");
  REQUIRE(bench.call(call).ok());
  REQUIRE(seen.has_value());
  CHECK(seen->uid == geteuid());
}
