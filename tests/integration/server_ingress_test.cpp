// Browsers at the ingress of a running sc-server, with a scripted worker behind it.
#include <algorithm>

#include "tests/support/running_server.hpp"

namespace scpool::server {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

struct Ingress {
  explicit Ingress(const std::function<void(ServerConfig&)>& change = {}) : r(loop, change) {
    tunnel = r.create();
    worker = r.worker(tunnel);
  }

  // Sends and waits until the answer holds `part`, or the connection is over.
  std::string ask(RecordedStream& browser, const std::string& text, const std::string& part) {
    browser.stream->write(text);
    run_until(loop, [&] {
      return browser.received.find(part) != std::string::npos || browser.ended > 0 ||
             browser.failure.has_value();
    });
    return browser.received;
  }
  std::string ask_once(const std::string& text, const std::string& which = "open_ingress_url") {
    const auto browser = r.browser(which);
    browser->stream->write(text);
    run_until(loop, [&] { return browser->ended > 0 || browser->failure.has_value(); });
    return browser->received;
  }

  EventLoop loop;
  RunningServer r;
  json tunnel;
  std::unique_ptr<ScriptedWorker> worker;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string get(const std::string& more = {}) {
  return "GET http://site.test/path?q HTTP/1.1\r\nHost: other.test\r\n" + more + "\r\n";
}

TEST_CASE("a request reaches the worker in one form and its answer comes back") {
  Ingress i;
  i.worker->at_head = [](auto& exchange) { exchange.answer({{"x-site", "1"}}, "hello"); };
  const auto browser = i.r.browser();
  const std::string answer =
      i.ask(*browser,
            get("Connection: keep-alive, x-drop\r\nX-Drop: 1\r\nTunnel-Secret: 1\r\n"
                "Proxy-Connection: keep-alive\r\nX-Request-Id: abc.1\r\n"),
            "hello");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "x-site: 1"));
  CHECK_FALSE(contains(answer, "Connection: close"));
  const Fields& head = i.worker->exchanges.begin()->second->head;
  CHECK(head.find(":authority") == "site.test:80");
  CHECK(head.find(":path") == "/path?q");
  CHECK(head.find("x-request-id") == "abc.1");
  CHECK(head.contains("via"));
  for (const char* name : {"x-drop", "tunnel-secret", "connection", "host", "proxy-connection"}) {
    CHECK_FALSE(head.contains(name));
  }
  // Keep-alive, then two at once.
  browser->received.clear();
  browser->stream->write(get() + get());
  REQUIRE(run_until(i.loop, [&] {
    return std::count(browser->received.begin(), browser->received.end(), '\n') >= 2 &&
           browser->received.rfind("hello") != browser->received.find("hello");
  }));
  CHECK(i.worker->requests == 3);
  // Nothing of the first one is left in those that came after it.
  const Fields& last = i.worker->exchanges.rbegin()->second->head;
  CHECK(last.find("x-request-id").value_or("").size() == 32);
  CHECK(last.size() == 6);
}

TEST_CASE("bodies: chunked both ways, trailers, interim answers, HEAD, 204") {
  Ingress i;
  i.worker->at_end = [](auto& exchange) {
    exchange.worker->link->respond(exchange.stream, {{":status", "103"}, {"link", "a"}}, false);
    exchange.worker->link->respond(exchange.stream, {{":status", "200"}}, false);
    exchange.worker->link->send(exchange.stream, as_bytes(exchange.body), false);
    exchange.worker->link->send_trailers(exchange.stream, {{"x-sum", "9"}});
  };
  const auto browser = i.r.browser();
  const std::string answer =
      i.ask(*browser,
            "POST http://site.test/ HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n"
            "\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Up: 1\r\n\r\n",
            "x-sum");
  CHECK(contains(answer, "HTTP/1.1 103 "));
  CHECK(contains(answer, "Transfer-Encoding: chunked"));
  CHECK(contains(answer, "5\r\nabcde\r\n0\r\nx-sum: 9\r\n\r\n"));
  CHECK(i.worker->exchanges.begin()->second->trailers.find("x-up") == "1");

  i.worker->at_end = [](auto& exchange) {
    const bool head = exchange.head.find(":method") == "HEAD";
    Fields list{{":status", head ? "200" : "204"}};
    if (head) {
      list.add("content-length", "1000");
    }
    exchange.worker->link->respond(exchange.stream, list, true);
  };
  browser->received.clear();
  const std::string both = i.ask(*browser,
                                 "HEAD http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n"
                                 "GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n",
                                 "204");
  CHECK(contains(both, "content-length: 1000"));
  CHECK_FALSE(contains(both, "chunked"));
}

TEST_CASE("100-continue is asked of the site and granted after a while without it") {
  Ingress i;
  i.worker->at_end = [](auto& exchange) { exchange.answer({}, "got " + exchange.body); };
  const auto browser = i.r.browser();
  const std::string asked =
      i.ask(*browser,
            "PUT http://site.test/ HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\n"
            "Content-Length: 2\r\n\r\n",
            "100 Continue\r\n\r\n");
  CHECK(i.worker->exchanges.begin()->second->head.find("expect") == "100-continue");
  CHECK(contains(asked, "100 Continue"));
  CHECK(contains(i.ask(*browser, "ok", "got ok"), "got ok"));
}

TEST_CASE("CONNECT and WebSocket carry bytes both ways and half-closes") {
  Ingress i;
  i.worker->echoes = true;
  i.worker->at_head = [](auto& exchange) {
    exchange.worker->link->respond(exchange.stream, {{":status", "200"}}, false);
  };
  const auto plain = i.r.browser();
  const std::string opened =
      i.ask(*plain, "CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\n\r\nearly", "early");
  CHECK(opened == "HTTP/1.1 200 OK\r\n" + opened.substr(17));
  CHECK(opened.ends_with("\r\n\r\nearly"));
  CHECK_FALSE(contains(opened, "ength"));
  plain->stream->end();
  REQUIRE(run_until(i.loop, [&] { return plain->ended > 0; }));
  CHECK_FALSE(plain->failure.has_value());

  const auto socket = i.r.browser();
  const std::string switched = i.ask(*socket,
                                     "GET http://site.test/ws HTTP/1.1\r\nHost: site.test\r\n"
                                     "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                     "Sec-WebSocket-Version: 13\r\n"
                                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                                     "\r\n\r\n");
  CHECK(switched.starts_with("HTTP/1.1 101 "));
  CHECK(contains(switched, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  const Fields& head = std::prev(i.worker->exchanges.end())->second->head;
  CHECK(head.find(":protocol") == "websocket");
  CHECK(contains(i.ask(*socket, "frame", "frame"), "frame"));
}

TEST_CASE("what is not strictly right is refused, never forwarded") {
  Ingress i;
  const std::string host = "Host: site.test\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"GET http://s.test/ HTTP/1.1\r\n" + host +
           "Content-Length: 1\r\nTransfer-Encoding: chunked"
           "\r\n\r\n",
       "400"},
      {"GET http://s.test/ HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
       "400"},
      {"GET http://s.test/ HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", "400"},
      {"GET http://s.test/ HTTP/1.1\r\n" + host + "A : b\r\n\r\n", "400"},
      {"GET http://s.test/ HTTP/1.1\n" + host + "\r\n", "400"},
      {"GET http://s.test/ HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", "501"},
      {"GET http://s.test/ HTTP/1.1\r\n\r\n", "400"},
      {"GET http://u:p@s.test/ HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"GET ftp://s.test/ HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"GET /path HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"CONNECT s.test HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"CONNECT s.test:25 HTTP/1.1\r\n" + host + "\r\n", "403"},
      {"GET http://s.test/" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", "414"},
      {"GET http://s.test/ HTTP/1.1\r\n" + host + "A: " + std::string(70'000, 'a') + "\r\n\r\n",
       "431"},
  };
  for (const auto& each : cases) {
    const auto& [text, status] = each;
    INFO(each.first.substr(0, 120));
    CHECK(i.ask_once(text).starts_with("HTTP/1.1 " + status + " "));
  }
  CHECK(contains(i.ask_once("OPTIONS * HTTP/1.1\r\n" + host + "\r\n"), "200 OK"));
  CHECK(i.worker->requests == 0);
}

TEST_CASE("credentials decide the tunnel and the job") {
  Ingress i;
  i.worker->at_head = [](auto& exchange) { exchange.answer({}, "hello"); };
  const auto with = [&](const std::string& pair, const std::string& request) {
    const std::string field =
        "Proxy-Authorization: Basic " + to_base64(as_bytes(pair)) + "\r\nConnection: close\r\n";
    return i.ask_once(request + field + "\r\n", "ingress_url");
  };
  const std::string request = "GET http://s.test/ HTTP/1.1\r\nHost: s.test\r\n";
  const std::string none = i.ask_once(request + "\r\n", "ingress_url");
  CHECK(none.starts_with("HTTP/1.1 407 "));
  CHECK(contains(none, "Proxy-Authenticate: Basic"));
  const std::string connect = with("local:bad", "CONNECT s.test:443 HTTP/1.1\r\nHost: s.test\r\n");
  CHECK(connect.starts_with("HTTP/1.1 407 "));
  CHECK(contains(connect, "Connection: close"));
  CHECK(contains(with("local:" + i.r.key, request), "hello"));
  CHECK(contains(with("local;tunnel=pool;job=a:" + i.r.key, request), "hello"));
  CHECK(contains(with("local;tunnel=" + i.tunnel["id"].get<std::string>() + ":" + i.r.key, request),
                 "hello"));
  CHECK(with("local;tunnel=other:" + i.r.key, request).starts_with("HTTP/1.1 503 "));

  const json job = parse_json(i.r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").body);
  const auto url = job["proxy_url"].get<std::string>();
  const std::string pair = url.substr(7, url.find('@') - 7);
  CHECK(contains(with(pair, request), "hello"));
  CHECK(with(pair + "x", request).starts_with("HTTP/1.1 407 "));
  (void)i.r.call("DELETE", "/local/jobs/" + job["id"].get<std::string>());
  CHECK(with(pair, request).starts_with("HTTP/1.1 407 "));
}

TEST_CASE("a kept connection's credential counts as long as what made it right") {
  Ingress i;
  i.worker->at_head = [](auto& exchange) { exchange.answer({}, "hello"); };
  const auto browser = i.r.browser("ingress_url");
  const auto get_as = [&](const std::string& pair) {
    browser->received.clear();
    const std::string basic = "Basic " + to_base64(as_bytes(pair));
    return i.ask(*browser, get("Proxy-Authorization: " + basic + "\r\n"), "hello");
  };
  const std::string user = "local:" + i.r.key;
  for (int round = 0; round < 3; ++round) {
    CHECK(contains(get_as(user), "200 OK"));
  }
  SUBCASE("another credential is judged for itself") {
    CHECK(contains(get_as("local;job=a:" + i.r.key), "200 OK"));
    CHECK(get_as(user + "x").starts_with("HTTP/1.1 407 "));
  }
  SUBCASE("the account's key changes") {
    std::ofstream(i.r.facts["access_key_file"].get<std::string>()) << "a-key-of-tomorrow\n";
    i.r.server->reload(i.r.config);
    CHECK(get_as(user).starts_with("HTTP/1.1 407 "));
  }
  SUBCASE("the accounts are read again and are the same") {
    i.r.server->reload(i.r.config);
    CHECK(contains(get_as(user), "200 OK"));
  }
  SUBCASE("the job ends") {
    const json job = parse_json(i.r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").body);
    const auto url = job["proxy_url"].get<std::string>();
    const std::string pair = url.substr(7, url.find('@') - 7);
    CHECK(contains(get_as(pair), "200 OK"));
    CHECK(contains(get_as(pair), "200 OK"));
    (void)i.r.call("DELETE", "/local/jobs/" + job["id"].get<std::string>());
    CHECK(get_as(pair).starts_with("HTTP/1.1 407 "));
  }
}

TEST_CASE("jobs go round the pool and keep their member") {
  Ingress i;
  const json second = i.r.create();
  const auto other = i.r.worker(second);
  i.worker->at_head = [](auto& exchange) { exchange.answer({}, "one"); };
  other->at_head = [](auto& exchange) { exchange.answer({}, "two"); };
  for (int round = 0; round < 2; ++round) {
    for (int job = 0; job < 10; ++job) {
      const std::string pair = "local;tunnel=pool;job=" + std::to_string(job) + ":" + i.r.key;
      const std::string answer = i.ask_once(
          "GET http://s.test/ HTTP/1.1\r\nHost: s.test\r\nConnection: close\r\n"
          "Proxy-Authorization: Basic " +
              to_base64(as_bytes(pair)) + "\r\n\r\n",
          "ingress_url");
      CHECK(contains(answer, job % 2 == 0 ? "one" : "two"));
    }
  }
}

TEST_CASE("refused streams are tried again elsewhere, lost ones only when that is safe") {
  Ingress i;
  const auto second = i.r.worker(i.tunnel, 1);
  int refused = 0;
  const auto refuse_first = [&refused](ScriptedWorker::Exchange& exchange) {
    if (refused++ == 0) {
      exchange.worker->link->reset(exchange.stream, H2Code::RefusedStream);
    } else {
      exchange.answer({}, "hello");
    }
  };
  i.worker->at_head = refuse_first;
  second->at_head = refuse_first;
  const std::string post =
      "POST http://s.test/ HTTP/1.1\r\nHost: s.test\r\nContent-Length: 0\r\nConnection: "
      "close\r\n\r\n";
  CHECK(contains(i.ask_once(post), "hello"));
  CHECK(refused == 2);

  int lost = 0;
  const auto lose = [&lost](ScriptedWorker::Exchange& exchange) {
    if (lost++ == 0) {
      exchange.worker->link->reset(exchange.stream, H2Code::InternalError);
    } else {
      exchange.answer({}, "hello");
    }
  };
  i.worker->at_head = lose;
  second->at_head = lose;
  CHECK(contains(i.ask_once(get("Connection: close\r\n")), "hello"));
  lost = 0;
  const std::string failed = i.ask_once(post);
  CHECK(failed.starts_with("HTTP/1.1 502 "));
  CHECK(contains(failed, "Proxy-Status: sc-server-"));
  CHECK(contains(failed, "error=connection_terminated"));
}

TEST_CASE("a short answer whose worker goes in the middle of it comes from another") {
  Ingress i;
  const auto second = i.r.worker(i.tunnel, 1);
  ScriptedWorker::Exchange* half = nullptr;
  const auto begin = [&half](ScriptedWorker::Exchange& exchange) {
    if (half != nullptr) {
      exchange.answer({}, "hello");
      return;
    }
    half = &exchange;
    const Fields head{{":status", "200"}, {"content-length", "5"}};
    exchange.worker->link->respond(exchange.stream, head, false);
    exchange.worker->link->send(exchange.stream, as_bytes("XX"), false);
  };
  i.worker->at_head = begin;
  second->at_head = begin;
  const auto browser = i.r.browser();
  browser->stream->write(get("Connection: close\r\n"));
  REQUIRE(run_until(i.loop, [&] { return half != nullptr; }));
  half->worker->link->reset(half->stream, H2Code::InternalError);
  REQUIRE(run_until(i.loop, [&] { return browser->ended > 0; }));
  CHECK(contains(browser->received, "hello"));
  CHECK_FALSE(contains(browser->received, "XX"));

  // One that takes its time is passed on as it comes, and then belongs to the browser.
  half = nullptr;
  const auto other = i.r.browser();
  CHECK(contains(i.ask(*other, get("Connection: close\r\n"), "XX"), "XX"));
  half->worker->link->reset(half->stream, H2Code::InternalError);
  REQUIRE(run_until(i.loop, [&] { return other->failure.has_value() || other->ended > 0; }));
  CHECK_FALSE(contains(other->received, "hello"));
}

TEST_CASE("a cut answer never looks whole") {
  Ingress i;
  i.worker->at_head = [](auto& exchange) {
    exchange.worker->link->respond(exchange.stream, {{":status", "200"}}, false);
    exchange.worker->link->send(exchange.stream, as_bytes("part"), false);
  };
  const auto browser = i.r.browser();
  CHECK(contains(i.ask(*browser, get(), "part"), "part"));
  i.worker->link->reset(i.worker->exchanges.begin()->first, H2Code::InternalError);
  REQUIRE(run_until(i.loop, [&] { return browser->failure.has_value() || browser->ended > 0; }));
  CHECK_FALSE(contains(browser->received, "0\r\n\r\n"));
}

TEST_CASE("a killed worker: its job moves to a mate, requests wait and do not fail") {
  Ingress i([](ServerConfig& config) {
    config.jobs.failover_after = 200ms;
    config.request_wait = 1s;
  });
  i.worker->at_head = [](auto& exchange) { exchange.answer({}, "one"); };
  CHECK(contains(i.ask_once(get("Connection: close\r\n")), "one"));
  const auto mate = i.r.worker(i.r.create());
  mate->at_head = [](auto& exchange) { exchange.answer({}, "two"); };
  i.worker->die();
  CHECK(contains(i.ask_once(get("Connection: close\r\n")), "two"));
  mate->die();
  const std::string none = i.ask_once(get("Connection: close\r\n"));
  CHECK(none.starts_with("HTTP/1.1 503 "));
  CHECK(contains(none, "Retry-After"));
}

TEST_CASE("a browser that does not read holds back its own answer and nobody else's") {
  Ingress i;
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  i.worker->at_head = [](auto& exchange) {
    exchange.worker->link->respond(
        exchange.stream, {{":status", "200"}, {"content-length", std::to_string(kSize)}}, false);
    exchange.to_send = kSize;
    exchange.pour();
  };
  const auto stuck = i.r.browser();
  stuck->stream->pause_reading();
  stuck->stream->write(get());
  const auto fast = i.r.browser();
  fast->keep = false;
  fast->stream->write(get());
  REQUIRE(run_until(i.loop, [&] { return fast->received_size > kSize; }));
  const auto& first = *i.worker->exchanges.begin()->second;
  CHECK(first.to_send > kSize / 2);
  stuck->keep = false;
  stuck->stream->resume_reading();
  REQUIRE(run_until(i.loop, [&] { return stuck->received_size > kSize; }));
}

TEST_CASE("on one host requests share a connection until something large is under way on it") {
  Ingress i;
  const auto second = i.r.worker(i.tunnel, 1);
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  const auto answer = [](auto& exchange) {
    const bool large = exchange.head.find(":path") == "/large";
    exchange.worker->link->respond(exchange.stream, {{":status", "200"}}, false);
    exchange.to_send = large ? kSize : 1;
    exchange.pour();
  };
  i.worker->at_head = answer;
  second->at_head = answer;
  const auto browser = i.r.browser();
  const auto ask_again = [&] {
    browser->received.clear();
    CHECK(contains(i.ask(*browser, get(), "0\r\n\r\n"), "200 OK"));
  };
  for (int round = 0; round < 20; ++round) {
    ask_again();
  }
  CHECK(std::max(i.worker->requests, second->requests) == 20);
  ScriptedWorker& shared = i.worker->requests > 0 ? *i.worker : *second;
  ScriptedWorker& other = &shared == second.get() ? *i.worker : *second;

  const auto stuck = i.r.browser();
  stuck->stream->pause_reading();
  stuck->stream->write("GET http://site.test/large HTTP/1.1\r\nHost: site.test\r\n\r\n");
  REQUIRE(run_until(i.loop, [&] { return shared.link->figures().bulk_bytes > kSize / 64; }));
  for (int round = 0; round < 20; ++round) {
    ask_again();
  }
  CHECK(shared.requests == 21);
  CHECK(other.requests == 20);
}

TEST_CASE("a large upload is bounded on its way") {
  Ingress i;
  i.worker->echoes = false;
  std::size_t got = 0;
  i.worker->at_head = [](auto&) {};
  i.worker->at_end = [&got](auto& exchange) {
    got = exchange.body.size();
    exchange.answer({}, "done");
  };
  constexpr std::size_t kSize = 16 * 1024 * 1024;
  const auto browser = i.r.browser();
  browser->stream->write("PUT http://s.test/ HTTP/1.1\r\nHost: s.test\r\nContent-Length: " +
                         std::to_string(kSize) + "\r\n\r\n");
  browser->stream->write(std::string(kSize, 'u'));
  REQUIRE(run_until(i.loop, [&] { return contains(browser->received, "done"); }));
  CHECK(got == kSize);
}

TEST_CASE("large uploads arrive byte by byte, and the connection serves what follows at once") {
  Ingress i;
  std::string body;
  i.worker->at_head = [](auto&) {};
  i.worker->at_end = [&body](auto& exchange) {
    body = std::move(exchange.body);
    exchange.answer({}, "done");
  };
  std::string text(9 * 1024 * 1024 + 5, '\0');
  for (std::size_t at = 0; at < text.size(); ++at) {
    text[at] = static_cast<char>((at * 131 + at / 251) & 0xff);
  }
  std::string chunk;
  append_chunk_start(text.size(), chunk);
  const std::string start = "PUT http://s.test/ HTTP/1.1\r\nHost: s.test\r\n";
  const auto browser = i.r.browser();
  for (const std::string& upload :
       {start + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text,
        start + "Transfer-Encoding: chunked\r\n\r\n" + chunk + text + "\r\n0\r\n\r\n"}) {
    body.clear();
    browser->received.clear();
    browser->stream->write(upload + get());  // pipelined
    REQUIRE(run_until(i.loop, [&] { return body.size() == text.size(); }));
    CHECK(body == text);
    REQUIRE(run_until(
        i.loop, [&] { return browser->received.rfind("done") != browser->received.find("done"); }));
  }
  CHECK(i.worker->requests == 4);
}

TEST_CASE("CONNECT: a large upload, its end, and an answer after that") {
  Ingress i;
  std::size_t got = 0;
  i.worker->at_head = [&](auto& exchange) {
    i.worker->link->respond(exchange.stream, {{":status", "200"}}, false);
  };
  i.worker->at_end = [&](auto& exchange) {
    got = exchange.body.size();
    i.worker->link->send(exchange.stream, as_bytes("thanks"), true);
  };
  const auto browser = i.r.browser();
  i.ask(*browser, "CONNECT s.test:443 HTTP/1.1\r\nHost: s.test:443\r\n\r\n", "\r\n\r\n");
  constexpr std::size_t kSize = 20 * 1024 * 1024 + 3;
  browser->stream->write(std::string(kSize, 'u'));
  browser->stream->end();
  REQUIRE(run_until(i.loop, [&] { return browser->ended > 0; }));
  CHECK(browser->received.ends_with("thanks"));
  CHECK(got == kSize);
}

TEST_CASE("a connection whose place a newer one takes finishes what it has and gets nothing new") {
  Ingress i;
  ScriptedWorker::Exchange* running = nullptr;
  i.worker->at_head = [&running](auto& exchange) { running = &exchange; };
  const auto browser = i.r.browser();
  browser->stream->write(get());
  REQUIRE(run_until(i.loop, [&] { return running != nullptr; }));
  const auto newer = i.r.worker(i.tunnel, 0, 2);
  newer->at_head = [](auto& exchange) { exchange.answer({}, "by the newer one"); };
  CHECK(contains(i.ask_once(get("Connection: close\r\n")), "by the newer one"));
  running->answer({}, "late but whole");
  REQUIRE(run_until(i.loop, [&] { return contains(browser->received, "late but whole"); }));
  REQUIRE(run_until(i.loop, [&] { return i.worker->failure.has_value(); }));
}

TEST_CASE("stopping lets running requests finish and refuses new ones") {
  Ingress i;
  ScriptedWorker::Exchange* running = nullptr;
  i.worker->at_head = [&running](auto& exchange) { running = &exchange; };
  const auto browser = i.r.browser();
  browser->stream->write(get());
  REQUIRE(run_until(i.loop, [&] { return running != nullptr; }));
  bool stopped = false;
  i.r.server->stop([&stopped] { stopped = true; });
  running->answer({}, "late but whole");
  REQUIRE(run_until(i.loop, [&] { return contains(browser->received, "late but whole"); }));
  REQUIRE(run_until(i.loop, [&] { return stopped; }));
  CHECK(i.worker->failure.has_value());
  const auto late = i.r.browser();
  REQUIRE(run_until(i.loop, [&] { return late->failure.has_value(); }));
}

}  // namespace
}  // namespace scpool::server
