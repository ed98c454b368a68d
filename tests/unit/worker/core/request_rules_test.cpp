#include "worker/core/request_rules.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::worker;

namespace {

TunnelRequest request(const Fields& extra = {}) {
  Fields list = {
      {":method", "POST"}, {":scheme", "http"}, {":authority", "a.test:80"}, {":path", "/x"}};
  for (const Field field : extra) {
    list.add(field.name, field.value);
  }
  return std::get<TunnelRequest>(from_h2_request(list));
}

HeaderRule rule(HeaderRule::Kind kind, std::string name, std::string value = "") {
  return {kind, std::move(name), std::move(value)};
}

}  // namespace

TEST_CASE("Via names this worker, and its own name is a loop") {
  const WorkerConfig config;
  TunnelRequest first = request({{"via", "1.1 server-1"}});
  CHECK_FALSE(prepare_for_site(first, config, "worker-1"));
  CHECK(first.head.fields.count("via") == 2);
  CHECK(first.head.fields.lists("via", "1.1 server-1"));
  CHECK(first.head.fields.lists("via", "2 worker-1"));

  TunnelRequest again = request({{"via", "1.1 server-1, 2 worker-1"}});
  const auto error = prepare_for_site(again, config, "worker-1");
  REQUIRE(error);
  CHECK(error->reason == ProxyErrorReason::ProxyLoopDetected);
}

TEST_CASE("header rules cannot touch framing or the host") {
  WorkerConfig config;
  config.header_rules = {rule(HeaderRule::Kind::Add, "X-Added", "1"),
                         rule(HeaderRule::Kind::Add, "Host", "evil.test"),
                         rule(HeaderRule::Kind::Add, "Transfer-Encoding", "chunked"),
                         rule(HeaderRule::Kind::Add, "Content-Length", "7"),
                         rule(HeaderRule::Kind::Remove, "User-Agent"),
                         rule(HeaderRule::Kind::RemovePrefix, "Content-")};
  TunnelRequest with_length = request({{"content-length", "5"}, {"user-agent", "x"}});
  CHECK_FALSE(prepare_for_site(with_length, config, "w"));
  const Fields& fields = with_length.head.fields;
  CHECK(fields.count("Host") == 1);
  CHECK(fields.find("Host") == "a.test");
  CHECK(fields.count("Content-Length") == 1);
  CHECK(fields.find("Content-Length") == "5");
  CHECK(fields.find("X-Added") == "1");
  CHECK_FALSE(fields.contains("Transfer-Encoding"));
  CHECK_FALSE(fields.contains("User-Agent"));

  TunnelRequest without_length = request();
  CHECK_FALSE(prepare_for_site(without_length, config, "w"));
  CHECK_FALSE(without_length.head.fields.contains("Content-Length"));
}

TEST_CASE("site credentials are given only where the client has none") {
  WorkerConfig config;
  config.credentials = {{"a.test", 80, "user", Secret("pass:word")}};
  TunnelRequest plain = request();
  CHECK_FALSE(prepare_for_site(plain, config, "w"));
  CHECK(plain.head.fields.find("Authorization") == "Basic dXNlcjpwYXNzOndvcmQ=");
  TunnelRequest own = request({{"authorization", "Bearer x"}});
  CHECK_FALSE(prepare_for_site(own, config, "w"));
  CHECK(own.head.fields.count("Authorization") == 1);
  CHECK(own.head.fields.find("Authorization") == "Bearer x");
}

TEST_CASE("only the head of a short body of known length waits for it") {
  CHECK(head_waits_for_body({BodyKind::Length, 1}));
  CHECK(head_waits_for_body({BodyKind::Length, 16 * 1024}));
  CHECK_FALSE(head_waits_for_body({BodyKind::Length, 16 * 1024 + 1}));
  CHECK_FALSE(head_waits_for_body({BodyKind::Length, 0}));
  CHECK_FALSE(head_waits_for_body({BodyKind::None}));
  CHECK_FALSE(head_waits_for_body({BodyKind::Chunked}));
  CHECK_FALSE(head_waits_for_body({BodyKind::UntilClose}));
}

TEST_CASE("what may be sent again, and how a request is named") {
  CHECK(is_idempotent("GET"));
  CHECK(is_idempotent("DELETE"));
  CHECK_FALSE(is_idempotent("POST"));
  CHECK_FALSE(is_idempotent("get"));
  CHECK(request_url(request()) == "http://a.test/x");
  CHECK(request_url(std::get<TunnelRequest>(from_h2_request(to_h2_connect({"a", 443, false})))) ==
        "a:443");
}
