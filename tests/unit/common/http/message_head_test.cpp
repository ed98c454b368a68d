#include "common/http/message_head.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

using namespace scpool;
using Kind = HeadParser::Kind;
using State = HeadParser::State;

namespace {

struct Outcome {
  State state;
  int status;
  std::size_t consumed;
};

Outcome parse_in_pieces(Kind kind, std::string_view text, std::size_t piece) {
  HeadParser parser(kind);
  std::size_t consumed = 0;
  while (parser.state() == State::NeedMore && consumed < text.size()) {
    consumed += parser.receive(as_bytes(text.substr(consumed, piece)));
  }
  return {parser.state(), parser.problem().status, consumed};
}

// Refused the same way whole and byte by byte; returns the status.
int refused(Kind kind, std::string_view text) {
  const Outcome whole = parse_in_pieces(kind, text, text.size());
  const Outcome bytes = parse_in_pieces(kind, text, 1);
  CHECK(whole.state == State::Refused);
  CHECK(bytes.state == State::Refused);
  CHECK(whole.status == bytes.status);
  return whole.status;
}

int refused_request(std::string_view text) {
  return refused(Kind::Request, text);
}

int refused_field(std::string_view line) {
  return refused_request("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n");
}

RequestHead parsed(std::string_view text) {
  HeadParser parser(Kind::Request);
  CHECK(parser.receive(as_bytes(text)) == text.size());
  CAPTURE(parser.problem().sentence);
  REQUIRE(parser.state() == State::Done);
  return parser.request();
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

}  // namespace

TEST_CASE("a request head, whole and in every pair of pieces") {
  const std::string text =
      "GET http://site.test/x?y=1 HTTP/1.1\r\nHost: site.test\r\nAccept:\t */* \r\n"
      "X-Empty:\r\nx-twice: 1\r\nX-Twice: 2\r\n\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    HeadParser parser(Kind::Request);
    const std::string with_rest = text.substr(cut) + "body";
    CHECK(parser.receive(as_bytes(std::string_view(text).substr(0, cut))) == cut);
    if (cut < text.size()) {
      CHECK(parser.state() == State::NeedMore);
      CHECK(parser.started() == (cut > 0));
      CHECK(parser.receive(as_bytes(with_rest)) == text.size() - cut);
    }
    REQUIRE(parser.state() == State::Done);
    const RequestHead& head = parser.request();
    CHECK(head.method == "GET");
    CHECK(head.target == "http://site.test/x?y=1");
    CHECK(head.minor_version == 1);
    CHECK(head.fields == Fields{{"Host", "site.test"},
                                {"Accept", "*/*"},
                                {"X-Empty", ""},
                                {"x-twice", "1"},
                                {"X-Twice", "2"}});
  }
}

TEST_CASE("a parser that is used again knows nothing of the head before") {
  HeadParser parser(Kind::Request);
  const auto parse = [&parser](std::string_view text) {
    parser.restart();
    CHECK_FALSE(parser.started());
    CHECK(parser.state() == State::NeedMore);
    return parser.receive(as_bytes(text));
  };
  parse("POST http://a.test/" + std::string(1000, 'x') + " HTTP/1.0\r\nA: b\r\n\r\n");
  REQUIRE(parser.state() == State::Done);
  parse("GET / HTTP/1.1\r\nHost: b.te");
  parse("\r\nGET /c HTTP/1.1\r\nHost: c.test\r\n\r\n");
  REQUIRE(parser.state() == State::Done);
  CHECK(parser.request().target == "/c");
  CHECK(parser.request().minor_version == 1);
  CHECK(parser.request().fields == Fields{{"Host", "c.test"}});
  parse("GET / HTTP/1.1\r\n\r\n");
  CHECK(parser.state() == State::Refused);
  parse("GET /d HTTP/1.1\r\nHost:d.test \r\nE:\r\nF: \r\n\r\n");
  REQUIRE(parser.state() == State::Done);
  CHECK(parser.request().fields == Fields{{"Host", "d.test"}, {"E", ""}, {"F", ""}});
}

TEST_CASE("a response head, with and without a reason") {
  HeadParser parser(Kind::Response);
  parser.receive(as_bytes("HTTP/1.0 404 Not \xe4 Found\r\nA: b\r\n\r\n"));
  REQUIRE(parser.state() == State::Done);
  CHECK(parser.response().status == 404);
  CHECK(parser.response().minor_version == 0);
  CHECK(parser.response().reason == "Not \xe4 Found");
  for (const char* line : {"HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"}) {
    HeadParser short_one(Kind::Response);
    short_one.receive(as_bytes(line));
    CHECK(short_one.state() == State::Done);
    CHECK(short_one.response().reason.empty());
  }
  for (const char* bad : {"HTTP/1.1 99 x\r\n\r\n",
                          "HTTP/1.1 600 x\r\n\r\n",
                          "HTTP/1.1  200 x\r\n\r\n",
                          "HTTP/1.1 2000 x\r\n\r\n",
                          "HTTP/1.1 +20 x\r\n\r\n",
                          "HTTP/1.1\r\n\r\n",
                          "HTTP/1.1 200 a\x0b\r\n\r\n",
                          "http/1.1 200 OK\r\n\r\n",
                          "\r\nHTTP/1.1 200 OK\r\n\r\n",
                          "SSH-2.0-OpenSSH_9.2\r\n"}) {
    CAPTURE(bad);
    CHECK(refused(Kind::Response, bad) == 400);
  }
  CHECK(refused(Kind::Response, "HTTP/2.0 200 OK\r\n\r\n") == 505);
}

TEST_CASE("one empty line before a request is skipped, not two") {
  CHECK(parsed("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").method == "GET");
  CHECK(refused_request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  HeadParser parser(Kind::Request);
  parser.receive(as_bytes("\r\n"));
  CHECK_FALSE(parser.started());
}

TEST_CASE("what is no request is told at its first byte") {
  for (const std::string_view bad : {std::string_view("\x16\x03\x01\x02\x00", 5),
                                     std::string_view("\0", 1),
                                     std::string_view(" GET"),
                                     std::string_view("\nGET")}) {
    HeadParser parser(Kind::Request);
    parser.receive(as_bytes(bad.substr(0, 1)));
    CHECK(parser.state() == State::Refused);
  }
}

TEST_CASE("request lines that are not exact are refused") {
  for (const std::string_view bad : {"GET  / HTTP/1.1",
                                     "GET /  HTTP/1.1",
                                     "GET / HTTP/1.1 ",
                                     "GET\t/\tHTTP/1.1",
                                     "GET / ",
                                     "GET /",
                                     "GET",
                                     "GET /a b HTTP/1.1",
                                     "GET /a\x0b HTTP/1.1",
                                     "GET /\xc3\xbc HTTP/1.1",
                                     "GET /a#b HTTP/1.1",
                                     "G(T / HTTP/1.1",
                                     "GET / HTTP/1.1x",
                                     "GET / http/1.1",
                                     "GET / HTTP/11",
                                     "GET / HTTP/1,1",
                                     "GET / XTTP/1.1",
                                     "GET / HTTP / 1.1"}) {
    CAPTURE(bad);
    CHECK(refused_request(std::string(bad) + "\r\nHost: a\r\n\r\n") == 400);
  }
  for (const std::string_view bad : {"HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"}) {
    CHECK(refused_request("GET / " + std::string(bad) + "\r\nHost: a\r\n\r\n") == 505);
  }
}

TEST_CASE("line ends are CRLF and nothing else") {
  for (const std::string_view bad : {"GET / HTTP/1.1\nHost: a\r\n\r\n",
                                     "GET / HTTP/1.1\r\nHost: a\n\r\n",
                                     "GET / HTTP/1.1\r\nHost: a\r\n\n",
                                     "GET / HTTP/1.1\rHost: a\r\n\r\n",
                                     "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
                                     "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
                                     "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
                                     "GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(refused_request(bad) == 400);
  }
}

TEST_CASE("field lines that smugglers use are refused") {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {"Transfer-Encoding : chunked"sv,
                                     "Transfer-Encoding\t: chunked"sv,
                                     "Transfer-Encoding\x0b: chunked"sv,
                                     "Transfer-Encoding: \x0b"
                                     "chunked"sv,
                                     "Transfer-Encoding: chunked\x0c"sv,
                                     "Transfer-Encoding: chunked\x7f"sv,
                                     "Transfer-Encoding\xa0: chunked"sv,
                                     "Transfer-Encoding\0: chunked"sv,
                                     "Transfer-Encoding: chunked\0"sv,
                                     " Transfer-Encoding: chunked"sv,
                                     "\tTransfer-Encoding: chunked"sv,
                                     "X: y\r\n Transfer-Encoding: chunked"sv,
                                     "X: y\r\n\tfolded"sv,
                                     "Content-Length 3"sv,
                                     "Content Length: 3"sv,
                                     ": nameless"sv,
                                     "no colon"sv,
                                     "X\"Y: z"sv,
                                     "(X): z"sv,
                                     "{X: z"sv,
                                     "X@: z"sv,
                                     "X,Y: z"sv,
                                     "X;Y: z"sv,
                                     "X/Y: z"sv,
                                     "X[1]: z"sv,
                                     "X=1: z"sv,
                                     "X\\: z"sv,
                                     "\xc3\xbc: z"sv,
                                     "X: a\x01"
                                     "b"sv,
                                     "X: a\x1b[2J"sv}) {
    CAPTURE(bad);
    CHECK(refused_field(bad) == 400);
  }
  CHECK(parsed("GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xbc\tb\r\n\r\n").fields.find("x") ==
        "\xc3\xbc\tb");
}

TEST_CASE("Host stands exactly once in HTTP/1.1 and is a host") {
  CHECK(refused_request("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_request("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(refused_request("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n") == 400);
  CHECK(refused_request("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(parsed("GET / HTTP/1.0\r\n\r\n").minor_version == 0);
  CHECK(parsed("GET / HTTP/1.1\r\nHost:\r\n\r\n").fields.find("Host") == "");
  for (const std::string_view bad : {"a b",
                                     "a,b",
                                     "a/b",
                                     "user@a",
                                     "a:b",
                                     "a:0",
                                     "a:65536",
                                     "a:",
                                     "[::1",
                                     "::1",
                                     "a%00b",
                                     "a?b",
                                     "http://a",
                                     "a:80:80"}) {
    CAPTURE(bad);
    CHECK(refused_request("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n") == 400);
  }
}

TEST_CASE("limits: target 414, head and field count 431, at the byte") {
  const HeadLimits limits;
  const auto with_target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(parsed(with_target(limits.max_target)).target.size() == limits.max_target);
  CHECK(refused_request(with_target(limits.max_target + 1)) == 414);
  CHECK(refused_request(with_target(limits.max_target * 2)) == 414);

  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  CHECK_NOTHROW(parsed(start + repeated("X: y\r\n", limits.max_fields - 1) + "\r\n"));
  CHECK(refused_request(start + repeated("X: y\r\n", limits.max_fields) + "\r\n") == 431);

  const std::size_t room = limits.max_head - start.size() - std::string_view("X: \r\n\r\n").size();
  CHECK_NOTHROW(parsed(start + "X: " + std::string(room, 'y') + "\r\n\r\n"));
  CHECK(refused_request(start + "X: " + std::string(room + 1, 'y') + "\r\n\r\n") == 431);

  HeadParser endless(Kind::Request);
  const std::string part(1000, 'a');
  std::size_t taken = 0;
  while (endless.state() == State::NeedMore && taken < 2 * limits.max_head) {
    taken += endless.receive(as_bytes(part));
  }
  CHECK(endless.problem().status == 414);
  CHECK(taken < limits.max_target + 2000);
}

TEST_CASE("a head that is written reads back the same") {
  RequestHead head{"PATCH", "/x", 1, {{"Host", "a:1"}, {"X-Y", "z"}, {"x-y", ""}}};
  std::string text;
  write_head(head, text);
  CHECK(text == "PATCH /x HTTP/1.1\r\nHost: a:1\r\nX-Y: z\r\nx-y: \r\n\r\n");
  const RequestHead again = parsed(text);
  CHECK(again.fields == head.fields);

  std::string response;
  write_head(ResponseHead{1, 204, std::string(reason_phrase(204)), {{"A", "b"}}}, response);
  CHECK(response == "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n");
  CHECK(reason_phrase(508) == "Loop Detected");
  CHECK(reason_phrase(299) == "Unknown");
}

TEST_CASE("tokens and field values") {
  CHECK(is_token("x-Y!#$%&'*+.^_`|~0"));
  for (const std::string_view bad : {"", "a b", "a:", "a\t", "(", "\xc3\xbc"}) {
    CHECK_FALSE(is_token(bad));
  }
  CHECK(is_field_value(""));
  CHECK(is_field_value("a b\tc\xff"));
  for (const std::string_view bad : {std::string_view(" a"),
                                     std::string_view("a\t"),
                                     std::string_view("a\nb"),
                                     std::string_view("a\rb"),
                                     std::string_view("a\0b", 3),
                                     std::string_view("\x7f")}) {
    CHECK_FALSE(is_field_value(bad));
  }
}
