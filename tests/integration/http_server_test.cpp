#include "common/io/http_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "common/http/body_framing.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

// A server whose requests the test answers, at once by `answer` or later.
struct Bench {
  explicit Bench(HttpServerSettings settings = {})
      : server(std::make_unique<HttpServer>(
            loop, std::move(settings), [this](HttpRequest request, HttpReply reply) {
              requests.push_back(std::move(request));
              replies.push_back(std::move(reply));
              if (answer) {
                answer();
              }
            })) {
    at = server->listen_tcp({"127.0.0.1", 0}, nullptr).value();
  }

  std::unique_ptr<RecordedStream> dial() {
    return std::make_unique<RecordedStream>(Stream::connect_tcp(loop, at));
  }
  // What the server says to these bytes until it closes.
  std::string say(std::string_view bytes) {
    auto client = dial();
    client->stream->write(bytes);
    client->stream->end();
    run_until(loop, [&] { return client->ended == 1 || client->failure.has_value(); });
    CHECK_FALSE(client->failure.has_value());
    return client->received;
  }
  void answer_at_once() {
    answer = [this] { replies.back().send(text_response(200, requests.back().method_and_path())); };
  }

  struct SeenRequest : HttpRequest {
    SeenRequest(HttpRequest request) : HttpRequest(std::move(request)) {}  // NOLINT
    std::string method_and_path() const { return head.method + " " + path; }
  };

  EventLoop loop;
  std::deque<SeenRequest> requests;
  std::deque<HttpReply> replies;
  std::function<void()> answer;
  std::unique_ptr<HttpServer> server;
  Endpoint at;
};

int status_of(const std::string& answer) {
  return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("a request comes whole, with its target decoded") {
  Bench bench;
  bench.answer_at_once();
  const std::string answer = bench.say(
      "POST //a//b%20c/%7Ed?x=1+2&y=%26&x=3&z HTTP/1.1\r\nHost: a\r\nAuthorization: Basic "
      "dXNlcjpwYTpzcw==\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("\r\nDate: ") != std::string::npos);
  CHECK(answer.find("\r\nContent-Length: 14\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\nPOST /a/b c/~d"));
  REQUIRE(bench.requests.size() == 1);
  const HttpRequest& request = bench.requests.front();
  CHECK(request.body == "hello");
  CHECK(request.query == "x=1+2&y=%26&x=3&z");
  CHECK(request.parameter("x") == "1 2");
  CHECK(request.parameter("y") == "&");
  CHECK(request.parameter("z") == "");
  CHECK_FALSE(request.parameter("none").has_value());
  CHECK(request.basic_credentials() == std::pair<std::string, std::string>("user", "pa:ss"));
  CHECK(request.peer->address == "127.0.0.1");
  CHECK_FALSE(request.credentials.has_value());
}

TEST_CASE("what is not strictly right is refused and never reaches the handler") {
  Bench bench;
  bench.answer_at_once();
  const std::string host = "Host: a\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
       400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /%00 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /#x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"CONNECT a:80 HTTP/1.1\r\n" + host + "\r\n", 405},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET / HTTP/1.1\r\n" + host + "Expect: wonders\r\n\r\n", 417},
      {"GET /" + std::string(limits::kMaxTarget, 'x') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"GET / HTTP/1.1\r\n" + host + "A: " + std::string(limits::kMaxHead, 'x') + "\r\n\r\n", 431},
      {std::string("\x16\x03\x01\x02", 4) + "\r\n\r\n", 400},
  };
  for (const auto& each : cases) {
    const auto& [bytes, status] = each;
    INFO(each.first.substr(0, 120));
    const std::string answer = bench.say(bytes);
    CHECK(status_of(answer) == status);
    CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.find("{\"error\":") != std::string::npos);
    CHECK(count(answer, "\r\nDate: ") == 1);
  }
  CHECK(bench.requests.empty());
  CHECK(status_of(bench.say("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n")) == 200);
  CHECK(bench.requests.back().path == "/x");
  CHECK(status_of(bench.say("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")) == 200);
}

TEST_CASE("a body beyond the limit is refused, announced or not, and the client learns it") {
  Bench bench({.max_body = 1000});
  bench.answer_at_once();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  CHECK(status_of(bench.say(head + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'))) ==
        200);
  CHECK(status_of(bench.say(head + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'))) ==
        413);
  std::string chunks;
  for (int i = 0; i < 11; ++i) {
    append_chunk_start(100, chunks);
    chunks += std::string(100, 'x');
    append_chunk_end(chunks);
  }
  CHECK(status_of(bench.say(head + "Transfer-Encoding: chunked\r\n\r\n" + chunks)) == 413);
  // The answer arrives although the client goes on sending for long.
  CHECK(status_of(bench.say(head + "Content-Length: 4000000\r\n\r\n" +
                            std::string(4000000, 'x'))) == 413);
  CHECK(bench.requests.size() == 1);
}

TEST_CASE("pipelined requests are answered in their order, also when the answers come late") {
  Bench bench;
  auto client = bench.dial();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  SUBCASE("at once") {
    bench.answer_at_once();
  }
  SUBCASE("later") {}
  client->stream->write(all);
  int answered = 0;
  run_until(bench.loop, [&] {
    if (!bench.answer && !bench.replies.empty()) {
      CHECK(bench.replies.size() == 1);  // never two at once
      bench.replies.front().send(text_response(200, bench.requests.back().method_and_path()));
      bench.replies.pop_front();
    }
    answered = static_cast<int>(count(client->received, "HTTP/1.1 200 OK"));
    return answered == 50;
  });
  std::size_t position = 0;
  for (int i = 0; i < 50; ++i) {
    position = client->received.find("\r\n\r\nGET /" + std::to_string(i), position);
    CHECK(position != std::string::npos);
  }
}

TEST_CASE("HEAD, 204 and 304 have no body; HTTP/1.0 gets none chunked") {
  Bench bench;
  bench.answer_at_once();
  const std::string head = bench.say("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(head.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  bench.answer = [&] { bench.replies.back().send({204, {}, "nothing"}); };
  const std::string none = bench.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(none.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(none.find("Content-Length") == std::string::npos);
  CHECK(none.ends_with("\r\n\r\n"));
  bench.answer = [&] {
    HttpReply& reply = bench.replies.back();
    reply.begin({200, {}, ""});
    reply.write("streamed");
    reply.end();
  };
  const std::string old = bench.say("GET / HTTP/1.0\r\n\r\n");
  CHECK(old.find("chunked") == std::string::npos);
  CHECK(old.find("Connection: close\r\n") != std::string::npos);
  CHECK(old.ends_with("\r\n\r\nstreamed"));
  const std::string fresh = bench.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(fresh.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(fresh.ends_with("\r\n\r\n8\r\nstreamed\r\n0\r\n\r\n"));
  CHECK(bench.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_CASE("fields that would break the message or are not the handler's are left out") {
  Bench bench({.server_name = "test/1"});
  bench.answer = [&] {
    bench.replies.back().send({200,
                               {{"Content-Length", "99"},
                                {"Evil", "a\r\nInjected: b"},
                                {"Bad name", "x"},
                                {"Good", "yes"}},
                               "body"});
  };
  const std::string answer = bench.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(answer.find("Injected") == std::string::npos);
  CHECK(answer.find("Bad name") == std::string::npos);
  CHECK(answer.find("99") == std::string::npos);
  CHECK(answer.find("\r\nGood: yes\r\n") != std::string::npos);
  CHECK(answer.find("\r\nServer: test/1\r\n") != std::string::npos);
}

TEST_CASE("a client that waits for 100 Continue gets it before its body") {
  Bench bench;
  bench.answer_at_once();
  auto client = bench.dial();
  client->stream->write(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(
      run_until(bench.loop, [&] { return client->received == "HTTP/1.1 100 Continue\r\n\r\n"; }));
  client->stream->write("ok");
  run_until(bench.loop, [&] { return count(client->received, "HTTP/1.1 200 OK") == 1; });
  CHECK(bench.requests.back().body == "ok");
}

TEST_CASE("an unanswered request gets a 500; a stream given up breaks the connection") {
  Bench bench;
  bench.answer = [&] { bench.replies.clear(); };
  CHECK(status_of(bench.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == 500);
  bench.answer = [&] {
    bench.replies.back().begin({200, {}, ""});
    bench.replies.clear();
  };
  auto client = bench.dial();
  client->stream->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(run_until(bench.loop, [&] { return client->failure.has_value(); }));
  CHECK(client->ended == 0);
}

TEST_CASE("a streamed answer arrives piece by piece, and a client that goes is told") {
  Bench bench;
  auto client = bench.dial();
  client->stream->write("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 1; }));
  HttpReply& reply = bench.replies.front();
  int gone = 0;
  reply.on_gone([&] { ++gone; });
  reply.begin({200, {{"Content-Type", "text/event-stream"}}, ""});
  for (const char* event : {"data: 1\n\n", "data: 2\n\n"}) {
    reply.write(event);
    REQUIRE(
        run_until(bench.loop, [&] { return client->received.find(event) != std::string::npos; }));
  }
  CHECK(reply.client_is_there());
  SUBCASE("by closing") {
    client.reset();
  }
  SUBCASE("by breaking the connection") {
    client->stream->reset();
  }
  CHECK(run_until(bench.loop, [&] { return gone == 1; }));
  CHECK_FALSE(reply.client_is_there());
  reply.write("nobody");
  reply.end();
  CHECK(gone == 1);
}

TEST_CASE("a client that breaks off while its answer is awaited is told, too") {
  Bench bench;
  auto client = bench.dial();
  client->stream->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 1; }));
  bool gone = false;
  bench.replies.front().on_gone([&] {
    gone = true;
    bench.replies.clear();  // from inside its own callback
  });
  client->stream->reset();
  CHECK(run_until(bench.loop, [&] { return gone; }));
}

TEST_CASE("a half-closed client still gets an answer that takes its time") {
  Bench bench;
  auto client = bench.dial();
  client->stream->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client->stream->end();
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 1; }));
  ConnectedPair other(bench.loop);  // its events show that the end has been seen
  other.wait(bench.loop);
  bench.replies.front().send(text_response(200, "late"));
  CHECK(run_until(bench.loop, [&] { return client->ended == 1; }));
  CHECK(client->received.ends_with("late"));
}

TEST_CASE("an upgrade hands over the stream and what came behind the request") {
  Bench bench;
  std::unique_ptr<RecordedStream> taken;
  Bytes rest;
  bench.answer = [&] {
    ResponseHead head;
    head.status = 101;
    head.reason = "Switching Protocols";
    head.fields = {{"Connection", "Upgrade"}, {"Upgrade", "echo"}};
    auto upgraded = bench.replies.back().upgrade(head);
    REQUIRE(upgraded.has_value());
    rest = upgraded->already_read;
    taken = std::make_unique<RecordedStream>(std::move(upgraded->stream));
  };
  auto client = bench.dial();
  client->stream->write(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst bytes");
  REQUIRE(run_until(bench.loop, [&] { return taken != nullptr; }));
  CHECK(as_text(rest) == "first bytes");
  CHECK_FALSE(bench.replies.back().client_is_there());
  client->stream->write("more");
  taken->stream->write("back");
  run_until(bench.loop, [&] { return client->received.ends_with("\r\n\r\nback"); });
  CHECK(client->received.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  run_until(bench.loop, [&] { return taken->received == "more"; });
  bench.server.reset();  // the connection is not the server's any more
  client->stream->write("!");
  CHECK(run_until(bench.loop, [&] { return taken->received == "more!"; }));
}

TEST_CASE("the server may go from inside a request, with replies still held") {
  Bench bench;
  bench.answer = [&] { bench.server.reset(); };
  auto client = bench.dial();
  client->stream->write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  run_until(bench.loop, [&] { return client->ended == 1 || client->failure.has_value(); });
  CHECK(bench.requests.size() == 1);
  CHECK_FALSE(bench.replies.back().client_is_there());
}

TEST_CASE("a connection that says nothing is closed after the idle time, quietly") {
  Bench bench({.idle = std::chrono::milliseconds{20}});
  auto client = bench.dial();
  run_until(bench.loop, [&] { return client->ended == 1; });
  CHECK(client->received.empty());
}

namespace {

// Asks for 1000 answers of 100 kB and reads none of them.
std::unique_ptr<RecordedStream> dial_deaf_client(Bench& bench) {
  bench.answer = [&bench] {
    bench.replies.back().send(text_response(200, std::string(100'000, 'x')));
    bench.replies.pop_back();
  };
  auto client = bench.dial();
  client->keep = false;
  client->stream->pause_reading();
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    all += "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  client->stream->write(all);
  return client;
}

}  // namespace

TEST_CASE("a client that does not read its pipelined answers is not fed without bound") {
  Bench bench;
  const auto client = dial_deaf_client(bench);
  // Turns of the loop, seen by another connection's events, until the server asks no more.
  ConnectedPair other(bench.loop);
  other.wait(bench.loop);
  std::size_t before = 1;
  while (bench.requests.size() != before) {
    before = bench.requests.size();
    const std::size_t seen = other.server->received_size;
    other.client->stream->write("x");
    run_until(bench.loop, [&] { return other.server->received_size > seen; });
  }
  CHECK(bench.requests.size() < 300);
  client->stream->resume_reading();
  CHECK(run_until(bench.loop, [&] { return client->received_size > 100'000'000; }));
  CHECK(bench.requests.size() == 1000);
}

TEST_CASE("a client that reads nothing for the idle time is given up and makes room") {
  Bench bench({.max_connections = 1, .idle = std::chrono::milliseconds{20}});
  const auto deaf = dial_deaf_client(bench);
  REQUIRE(run_until(bench.loop, [&] { return !bench.requests.empty(); }));
  std::unique_ptr<RecordedStream> next;
  CHECK(run_until(bench.loop, [&] {
    if (next == nullptr || next->ended == 1 || next->failure.has_value()) {
      next = bench.dial();  // refused as long as the other one has the only place
      next->stream->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    return next->received_size > 0;
  }));
}

TEST_CASE("a request that does not become whole in time gets a 408") {
  Bench bench({.head_timeout = std::chrono::milliseconds{20},
               .body_timeout = std::chrono::milliseconds{20}});
  auto client = bench.dial();
  SUBCASE("its head") {
    client->stream->write("GET / HTTP/1.1\r\nHost:");
  }
  SUBCASE("its body") {
    client->stream->write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12");
  }
  REQUIRE(run_until(bench.loop, [&] { return client->ended == 1; }));
  CHECK(status_of(client->received) == 408);
  CHECK(bench.requests.empty());
}

TEST_CASE("connections beyond the limit replace idle ones, and are refused when all are busy") {
  Bench bench({.max_connections = 2});
  auto first = bench.dial();
  first->stream->write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 1; }));
  auto idle = bench.dial();
  REQUIRE(run_until(bench.loop, [&] { return idle->opened == 1; }));
  auto third = bench.dial();
  third->stream->write("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 2; }));
  run_until(bench.loop, [&] { return idle->ended == 1 || idle->failure.has_value(); });
  auto fourth = bench.dial();
  run_until(bench.loop, [&] { return fourth->ended == 1 || fourth->failure.has_value(); });
  bench.replies[0].send(text_response(200, "one"));
  bench.replies[1].send(text_response(200, "three"));
  CHECK(run_until(bench.loop, [&] {
    return first->received.ends_with("one") && third->received.ends_with("three");
  }));
}

TEST_CASE("after stop_listening the current answer is the last") {
  Bench bench;
  auto busy = bench.dial();
  busy->stream->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto idle = bench.dial();
  REQUIRE(run_until(bench.loop, [&] { return bench.replies.size() == 1 && idle->opened == 1; }));
  bench.server->stop_listening();
  CHECK(run_until(bench.loop, [&] { return idle->ended == 1 || idle->failure.has_value(); }));
  auto late = bench.dial();
  CHECK(run_until(bench.loop, [&] { return late->failure.has_value(); }));
  bench.replies.front().send(text_response(200, "done"));
  CHECK(run_until(bench.loop, [&] { return busy->ended == 1; }));
  CHECK(busy->received.find("Connection: close\r\n") != std::string::npos);
  CHECK(busy->received.ends_with("done"));
}
