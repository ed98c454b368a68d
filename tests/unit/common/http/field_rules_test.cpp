#include "common/http/field_rules.hpp"

#include <doctest/doctest.h>

using namespace scpool;

namespace {

TunnelRequest accepted(const Fields& list) {
  auto result = from_h2_request(list);
  if (const auto* problem = std::get_if<HeadProblem>(&result)) {
    FAIL(problem->sentence);
  }
  return std::move(std::get<TunnelRequest>(result));
}

bool refused(const Fields& list) {
  return std::holds_alternative<HeadProblem>(from_h2_request(list));
}

Fields get_with(const Fields& extra) {
  Fields list = {
      {":method", "GET"}, {":scheme", "http"}, {":authority", "a.test:80"}, {":path", "/"}};
  for (const Field field : extra) {
    list.add(field.name, field.value);
  }
  return list;
}

AbsoluteTarget target(std::string_view text) {
  return std::get<AbsoluteTarget>(parse_absolute_target("GET", text));
}

RequestHead websocket_request() {
  return {"GET",
          "http://a.test/ws",
          1,
          {{"Host", "a.test"},
           {"Connection", "keep-alive, Upgrade"},
           {"Upgrade", "websocket"},
           {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
           {"Sec-WebSocket-Version", "13"},
           {"Origin", "http://a.test"}}};
}

}  // namespace

TEST_CASE("hop-by-hop fields go, and those Connection lists") {
  Fields fields = {{"Host", "a"},
                   {"Connection", "close, X-Secret"},
                   {"X-Secret", "1"},
                   {"keep-alive", "5"},
                   {"Proxy-Connection", "keep-alive"},
                   {"Proxy-Authorization", "Basic x"},
                   {"Proxy-Authenticate", "Basic"},
                   {"TE", "gzip, trailers"},
                   {"Trailer", "X"},
                   {"Transfer-Encoding", "chunked"},
                   {"Upgrade", "h2c"},
                   {"HTTP2-Settings", "x"},
                   {"Cookie", "a"}};
  CHECK_FALSE(remove_hop_by_hop(fields));
  CHECK(fields == Fields{{"Host", "a"}, {"Cookie", "a"}, {"TE", "trailers"}});
  for (const char* bad : {"Host", "close, content-LENGTH", "a b", "x;y"}) {
    Fields named = {{"Connection", bad}};
    CAPTURE(bad);
    CHECK(remove_hop_by_hop(named));
  }
}

TEST_CASE("internal fields do not pass") {
  Fields fields = {{"Tunnel-Job", "1"}, {"tunnel-", ""}, {"Tunnels", "x"}, {"tun", "y"}};
  remove_internal_fields(fields);
  CHECK(fields == Fields{{"Tunnels", "x"}, {"tun", "y"}});
}

TEST_CASE("Via grows at its end and shows loops") {
  Fields fields = {{"Via", "1.0 fred, HTTP/1.1 p.example.net (Apache; a)"}};
  add_via(fields, "1.1", "worker-7f");
  CHECK(via_names(fields, "worker-7f"));
  CHECK(via_names(fields, "FRED"));
  CHECK(via_names(fields, "p.example.net"));
  CHECK_FALSE(via_names(fields, "worker-7"));
  CHECK_FALSE(via_names(fields, "1.1"));
  CHECK(fields[1].value == "1.1 worker-7f");
}

TEST_CASE("the WebSocket handshake") {
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(new_websocket_key().size() == 24);
  CHECK(new_websocket_key() != new_websocket_key());
  CHECK(is_websocket_upgrade(websocket_request()));
  const auto without = [](std::string_view name, std::string value) {
    RequestHead head = websocket_request();
    head.fields.set(name, std::move(value));
    return is_websocket_upgrade(head);
  };
  CHECK_FALSE(without("Upgrade", "h2c"));
  CHECK_FALSE(without("Upgrade", "websocket, h2c"));
  CHECK_FALSE(without("Connection", "keep-alive"));
  CHECK_FALSE(without("Sec-WebSocket-Version", "8"));
  CHECK_FALSE(without("Sec-WebSocket-Key", "c2hvcnQ="));
  CHECK_FALSE(without("Content-Length", "0"));
  RequestHead post = websocket_request();
  post.method = "POST";
  CHECK_FALSE(is_websocket_upgrade(post));
}

TEST_CASE("requests become HTTP/2 lists and heads again") {
  const RequestHead head = {
      "POST", "http://A.test:8080/x", 1, {{"Host", "b"}, {"Cookie", "a=1"}, {"X-Y", "Z"}}};
  const Fields list = to_h2_request(head, target(head.target));
  CHECK(list == Fields{{":method", "POST"},
                       {":scheme", "http"},
                       {":authority", "a.test:8080"},
                       {":path", "/x"},
                       {"cookie", "a=1"},
                       {"x-y", "Z"}});
  const TunnelRequest request = accepted(list);
  CHECK(request.kind == TunnelRequest::Kind::Exchange);
  CHECK(request.scheme == "http");
  CHECK(request.authority == Authority{"a.test", 8080, false});
  CHECK(request.head.method == "POST");
  CHECK(request.head.target == "/x");
  CHECK(request.head.fields == Fields{{"Host", "a.test:8080"}, {"cookie", "a=1"}, {"x-y", "Z"}});
}

TEST_CASE("CONNECT and WebSocket lists") {
  const TunnelRequest tunnel = accepted(to_h2_connect({"::1", 443, true}));
  CHECK(tunnel.kind == TunnelRequest::Kind::Connect);
  CHECK(tunnel.authority.text() == "[::1]:443");
  CHECK(refused({{":method", "CONNECT"}, {":authority", "a"}}));
  CHECK(refused({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}));
  CHECK(refused({{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}}));

  const Fields list = to_h2_websocket(websocket_request(), target("http://a.test/ws"));
  CHECK(list == Fields{{":method", "CONNECT"},
                       {":protocol", "websocket"},
                       {":scheme", "http"},
                       {":authority", "a.test:80"},
                       {":path", "/ws"},
                       {"sec-websocket-version", "13"},
                       {"origin", "http://a.test"}});
  TunnelRequest socket = accepted(list);
  CHECK(socket.kind == TunnelRequest::Kind::WebSocket);
  add_websocket_fields(socket.head, "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(is_websocket_upgrade(socket.head));
  CHECK(refused({{":method", "CONNECT"},
                 {":protocol", "connect-udp"},
                 {":scheme", "http"},
                 {":authority", "a:1"},
                 {":path", "/"}}));
}

TEST_CASE("lists that would not make one clean head are refused") {
  CHECK_FALSE(refused(get_with({{"te", "trailers"}, {"content-length", "5"}})));
  for (const Field& bad : {Field{"x", "a\r\nhost: evil"},
                           Field{"x", {"a\0b", 3}},
                           Field{"x", "a\n"},
                           Field{"x", " a"},
                           Field{"x", "a "},
                           Field{"X", "a"},
                           Field{"x y", "a"},
                           Field{"x:", "a"},
                           Field{"x\r\n", "a"},
                           Field{"", "a"},
                           Field{"connection", "close"},
                           Field{"transfer-encoding", "chunked"},
                           Field{"upgrade", "websocket"},
                           Field{"proxy-connection", "x"},
                           Field{"te", "gzip"},
                           Field{"content-length", "5,5"},
                           Field{"content-length", "+5"},
                           Field{":path", "/late"},
                           Field{":unknown", "x"}}) {
    CAPTURE(bad.name);
    CHECK(refused(get_with({bad})));
  }
  CHECK(refused(get_with({{"content-length", "5"}, {"content-length", "5"}})));
  const auto with = [](std::string_view name, std::string value) {
    Fields list = get_with({});
    list.set(name, std::move(value));
    return refused(list);
  };
  for (const char* bad :
       {"", "x", "/a b", "/a\r\nX: y", "/\x7f", "*", "http://a/", "/\xff", "/a#b"}) {
    CHECK(with(":path", bad));
  }
  for (const char* bad : {"", "a b", "a@b", "a:b", "a\r\n", "a/b"}) {
    CHECK(with(":authority", bad));
  }
  for (const char* bad : {"", "G T", "GET /", "GET\r\n", "G:"}) {
    CHECK(with(":method", bad));
  }
  CHECK(with(":scheme", "ftp"));
  CHECK_FALSE(
      refused({{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}}));
  CHECK(refused({{":method", "GET"},
                 {":method", "GET"},
                 {":scheme", "http"},
                 {":authority", "a"},
                 {":path", "/"}}));
  CHECK(refused({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}));
  CHECK(refused({}));
}

TEST_CASE("cookie crumbs are joined, internal fields and a second host left out") {
  CHECK(accepted(get_with({{"cookie", ""}, {"cookie", "a=1"}, {"cookie", ""}})).head.fields ==
        Fields{{"Host", "a.test"}, {"cookie", "a=1"}});
  const TunnelRequest request = accepted(get_with({{"cookie", "a=1"},
                                                   {"x", "y"},
                                                   {"cookie", "b=2"},
                                                   {"tunnel-job", "7"},
                                                   {"host", "evil.test"},
                                                   {"cookie", "c=3"}}));
  CHECK(request.head.fields == Fields{{"Host", "a.test"}, {"cookie", "a=1; b=2; c=3"}, {"x", "y"}});
}

TEST_CASE("responses") {
  const Fields list = to_h2_response({1, 200, "fine", {{"Set-Cookie", "a"}, {"Set-Cookie", "b"}}});
  CHECK(list == Fields{{":status", "200"}, {"set-cookie", "a"}, {"set-cookie", "b"}});
  const auto head = from_h2_response(list);
  REQUIRE(head);
  CHECK(head->status == 200);
  CHECK(head->reason == "OK");
  CHECK(head->fields.count("Set-Cookie") == 2);
  for (const Fields& bad : {Fields{},
                            Fields{{"x", "y"}},
                            Fields{{":status", "20"}},
                            Fields{{":status", "999"}},
                            Fields{{":status", "2xx"}},
                            Fields{{":status", "200"}, {":status", "200"}},
                            Fields{{":status", "200"}, {"x", "a\r\nb"}},
                            Fields{{":status", "200"}, {"connection", "close"}},
                            Fields{{":status", "200"}, {"transfer-encoding", "chunked"}},
                            Fields{{":status", "200"}, {"content-length", "1x"}}}) {
    CHECK_FALSE(from_h2_response(bad));
  }
}

TEST_CASE("trailers keep to what trailers may say") {
  const Fields trailers = {{"X-Sum", "1"}, {"Content-Length", "5"}, {"Set-Cookie", "x"}};
  CHECK(to_h2_trailers(trailers) == Fields{{"x-sum", "1"}});
  CHECK(from_h2_trailers({{"x-sum", "1"}, {":status", "200"}, {"Host", "a"}, {"x", "a\nb"}}) ==
        Fields{{"x-sum", "1"}});
}
