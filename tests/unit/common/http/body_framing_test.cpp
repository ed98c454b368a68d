#include "common/http/body_framing.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace scpool;
using State = BodyReader::State;

namespace {

struct Outcome {
  State state = State::NeedMore;
  int status = 0;
  std::size_t consumed = 0;
  std::string body;
  Fields trailers;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read_in_pieces(BodyPlan plan, std::string_view text, std::size_t piece) {
  BodyReader reader(plan);
  Outcome outcome;
  while (reader.state() == State::NeedMore && outcome.consumed < text.size()) {
    const auto step = reader.receive(as_bytes(text.substr(outcome.consumed, piece)));
    outcome.consumed += step.consumed;
    outcome.body += as_text(step.body);
  }
  outcome.state = reader.state();
  outcome.trailers = reader.trailers();
  if (outcome.state == State::Refused) {
    outcome.status = reader.problem().status;
    outcome.consumed = 0;  // of no meaning then
  }
  return outcome;
}

Outcome read_chunked(std::string_view text) {
  const BodyPlan plan{BodyKind::Chunked, 0};
  Outcome whole = read_in_pieces(plan, text, text.size());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
    CHECK(read_in_pieces(plan, text, piece) == whole);
  }
  return whole;
}

RequestHead request(Fields fields, int minor_version = 1, std::string method = "POST") {
  return {std::move(method), "/", minor_version, std::move(fields)};
}

int refused(const RequestHead& head) {
  const auto plan = request_body_plan(head);
  return std::holds_alternative<HeadProblem>(plan) ? std::get<HeadProblem>(plan).status : 0;
}

BodyPlan plan_of(const RequestHead& head) {
  const auto plan = request_body_plan(head);
  REQUIRE(std::holds_alternative<BodyPlan>(plan));
  return std::get<BodyPlan>(plan);
}

BodyPlan plan_of(int status, Fields fields, std::string_view method, int minor_version = 1) {
  const auto plan = response_body_plan({minor_version, status, "", std::move(fields)}, method);
  REQUIRE(std::holds_alternative<BodyPlan>(plan));
  return std::get<BodyPlan>(plan);
}

}  // namespace

TEST_CASE("a request's body is what its head says exactly") {
  CHECK(plan_of(request({})) == BodyPlan{});
  CHECK(plan_of(request({{"Content-Length", "0"}})) == BodyPlan{});
  CHECK(plan_of(request({{"content-length", "42"}})) == BodyPlan{BodyKind::Length, 42});
  CHECK(plan_of(request({{"Content-Length", "9223372036854775807"}})).length ==
        9223372036854775807U);
  CHECK(plan_of(request({{"Transfer-Encoding", "Chunked"}})) == BodyPlan{BodyKind::Chunked, 0});
}

TEST_CASE("two ways to say where a body ends are refused") {
  CHECK(refused(request({{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}})) == 400);
  CHECK(refused(request({{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}})) == 400);
  CHECK(refused(request({{"Transfer-Encoding", "identity"}, {"Content-Length", "3"}})) == 400);
  CHECK(refused(request({{"Content-Length", "3"}, {"Content-Length", "4"}})) == 400);
  CHECK(refused(request({{"Content-Length", "3"}, {"content-length", "3"}})) == 400);
  CHECK(refused(request({{"Transfer-Encoding", "chunked"}}, 0)) == 400);
}

TEST_CASE("lengths are digits and nothing else") {
  for (const char* bad : {"",
                          "+3",
                          "-3",
                          "3 ",
                          " 3",
                          "3,3",
                          "3, 3",
                          "3;",
                          "0x3",
                          "3.0",
                          "1e1",
                          "\"3\"",
                          "3\t",
                          "9223372036854775808",
                          "18446744073709551617",
                          "99999999999999999999999999",
                          "\xd9\xa3"}) {
    CAPTURE(bad);
    CHECK(refused(request({{"Content-Length", bad}})) == 400);
  }
}

TEST_CASE("codings other than exactly chunked are not understood") {
  for (const char* bad : {"xchunked",
                          "chunkedx",
                          "chunk",
                          "x-chunked",
                          "chunked, identity",
                          "identity, chunked",
                          "identity",
                          "gzip",
                          "gzip, chunked",
                          "chunked, chunked",
                          "chunked,",
                          ",chunked",
                          "\"chunked\"",
                          "'chunked'",
                          "chunked;q=1",
                          "chunked; x",
                          "chunked chunked",
                          "",
                          "c hunked",
                          "trailers",
                          "chunked\xa0"}) {
    CAPTURE(bad);
    CHECK(refused(request({{"Transfer-Encoding", bad}})) == 501);
  }
  CHECK(refused(request({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}})) ==
        501);
  CHECK(refused(request({{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}})) ==
        501);
}

TEST_CASE("CONNECT and TRACE have no body") {
  for (const char* method : {"CONNECT", "TRACE"}) {
    CHECK(refused(request({{"Content-Length", "1"}}, 1, method)) == 400);
    CHECK(refused(request({{"Transfer-Encoding", "chunked"}}, 1, method)) == 400);
    CHECK(plan_of(request({{"Content-Length", "0"}}, 1, method)) == BodyPlan{});
  }
}

TEST_CASE("a response's body depends on the request's method and its status") {
  const Fields five = {{"Content-Length", "5"}};
  CHECK(plan_of(200, five, "GET") == BodyPlan{BodyKind::Length, 5});
  CHECK(plan_of(200, {}, "GET") == BodyPlan{BodyKind::UntilClose, 0});
  CHECK(plan_of(200, {}, "GET", 0) == BodyPlan{BodyKind::UntilClose, 0});
  CHECK(plan_of(200, {{"Content-Length", "0"}}, "GET") == BodyPlan{});
  CHECK(plan_of(200, {{"Transfer-Encoding", "chunked"}}, "GET").kind == BodyKind::Chunked);
  for (const int status : {100, 101, 103, 204, 304}) {
    CHECK(plan_of(status, five, "GET") == BodyPlan{});
  }
  CHECK(plan_of(200, five, "HEAD") == BodyPlan{});
  CHECK(plan_of(200, five, "CONNECT") == BodyPlan{});
  CHECK(plan_of(403, five, "CONNECT") == BodyPlan{BodyKind::Length, 5});
  for (const Fields& bad : {Fields{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
                            Fields{{"Content-Length", "5"}, {"Content-Length", "6"}},
                            Fields{{"Transfer-Encoding", "gzip, chunked"}},
                            Fields{{"Content-Length", "5x"}}}) {
    CHECK(std::holds_alternative<HeadProblem>(response_body_plan({1, 200, "", bad}, "GET")));
    CHECK(std::holds_alternative<HeadProblem>(response_body_plan({1, 200, "", bad}, "HEAD")));
  }
}

TEST_CASE("a body of known length leaves what follows") {
  const Outcome outcome = read_in_pieces({BodyKind::Length, 5}, "helloGET /", 100);
  CHECK(outcome.state == State::Done);
  CHECK(outcome.body == "hello");
  CHECK(outcome.consumed == 5);
  CHECK(BodyReader({BodyKind::Length, 0}).state() == State::Done);
  CHECK(BodyReader(BodyPlan{}).state() == State::Done);

  BodyReader early({BodyKind::Length, 5});
  early.receive(as_bytes("hell"));
  early.receive_end();
  CHECK(early.state() == State::Refused);
}

TEST_CASE("a close-delimited body ends with the connection and only then") {
  BodyReader reader({BodyKind::UntilClose, 0});
  CHECK(as_text(reader.receive(as_bytes("abc")).body) == "abc");
  CHECK(reader.state() == State::NeedMore);
  reader.receive_end();
  CHECK(reader.state() == State::Done);
}

TEST_CASE("chunks, extensions and trailers") {
  const Outcome outcome = read_chunked(
      "5\r\nhello\r\n0006;a=b;c=\"d;e\"\r\n world\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET");
  CHECK(outcome.state == State::Done);
  CHECK(outcome.body == "hello world0123456789");
  CHECK(outcome.trailers == Fields{{"X-Sum", "1"}});
  CHECK(read_chunked("0\r\n\r\n").state == State::Done);
  CHECK(read_chunked("3\r\nabc\r\n0\r\n").state == State::NeedMore);

  BodyReader early({BodyKind::Chunked, 0});
  early.receive(as_bytes("3\r\nabc\r\n"));
  early.receive_end();
  CHECK(early.state() == State::Refused);
}

TEST_CASE("chunk sizes that are not plain hexadecimal are refused") {
  for (const char* bad : {"\r\n",
                          "x\r\n",
                          "0x3\r\n",
                          "+3\r\n",
                          "-3\r\n",
                          " 3\r\n",
                          "3 \r\n",
                          "3\t\r\n",
                          "3 ;x\r\n",
                          "3\n",
                          "3\r\r\n",
                          "3;a\n",
                          "3;a\rb\r\n",
                          "3;\x01\r\n",
                          "g\r\n",
                          "3g\r\n",
                          "ffffffffffffffff\r\n",
                          "8000000000000000\r\n",
                          "00000000000000003\r\n",
                          "10000000000000000\r\n",
                          "3,3\r\n",
                          "3.0\r\n",
                          "\r\n3\r\n",
                          ";a\r\n",
                          "3\r\nabcd\r\n0\r\n\r\n",
                          "3\r\nabc\n0\r\n\r\n",
                          "3\r\nabc0\r\n\r\n",
                          "3\r\nabc\rX",
                          "3\r\nabc\r\n\r\n0\r\n\r\n",
                          "\n0\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(read_chunked(bad).status == 400);
  }
  BodyReader largest({BodyKind::Chunked, 0});
  largest.receive(as_bytes("7fffffffffffffff\r\n"));
  CHECK(largest.state() == State::NeedMore);
}

TEST_CASE("extensions are bounded over the whole body") {
  const std::string extension = ";" + std::string(limits::kMaxChunkExtensions / 4 - 1, 'x');
  std::string body;
  for (int i = 0; i < 4; ++i) {
    body += "1" + extension + "\r\na\r\n";
  }
  CHECK(read_chunked(body + "0\r\n\r\n").state == State::Done);
  CHECK(read_chunked(body + "0;\r\n\r\n").status == 400);
  CHECK(read_chunked("1;" + std::string(limits::kMaxChunkExtensions, 'x') + "\r\na\r\n").status ==
        400);
  CHECK(read_chunked("1;" + std::string(1000000, 'x')).status == 400);
}

TEST_CASE("trailers cannot carry what belongs to the head") {
  const Outcome outcome = read_chunked(
      "0\r\nContent-Length: 5\r\ntransfer-ENCODING: chunked\r\nHost: evil\r\nAuthorization: x\r\n"
      "Cookie: a\r\nSet-Cookie: a\r\nX-Forwarded-For: 1\r\nTunnel-Job: 1\r\nServer-Timing: x\r\n"
      "Grpc-Status: 0\r\n\r\n");
  CHECK(outcome.state == State::Done);
  CHECK(outcome.trailers == Fields{{"Server-Timing", "x"}, {"Grpc-Status", "0"}});
  for (const char* bad : {"0\r\nX : y\r\n\r\n",
                          "0\r\n folded\r\n\r\n",
                          "0\r\nX: y\r\n z\r\n\r\n",
                          "0\r\nX: y\n\r\n",
                          "0\r\nX: y\r\n\n",
                          "0\r\nnocolon\r\n\r\n",
                          "0\r\nX: a\rb\r\n\r\n",
                          "0\r\nGET / HTTP/1.1\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(read_chunked(bad).status == 400);
  }
  std::string many = "0\r\n";
  for (std::size_t i = 0; i <= limits::kMaxFields; ++i) {
    many += "Host: x\r\n";
  }
  CHECK(read_chunked(many).status == 431);
  CHECK(read_chunked("0\r\nX: " + std::string(limits::kMaxHead, 'y') + "\r\n\r\n").status == 431);
}

TEST_CASE("written chunks read back the same") {
  std::string text;
  append_chunk_start(26, text);
  text += "abcdefghijklmnopqrstuvwxyz";
  append_chunk_end(text);
  append_last_chunk({{"X-Sum", "1"}}, text);
  CHECK(text == "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Sum: 1\r\n\r\n");
  CHECK(read_chunked(text).body.size() == 26);
}

TEST_CASE("how many bytes are the body's whatever they are, short of its end") {
  BodyReader length({BodyKind::Length, 100});
  CHECK(length.plain_bytes() == 99);
  length.skip(90);
  CHECK(length.plain_bytes() == 9);
  CHECK(length.receive(as_bytes("0123456789next")).body.size() == 10);
  CHECK(length.state() == State::Done);
  CHECK(length.plain_bytes() == 0);

  BodyReader chunked({BodyKind::Chunked, 0});
  CHECK(chunked.plain_bytes() == 0);
  chunked.receive(as_bytes("10\r\n"));
  CHECK(chunked.plain_bytes() == 15);
  chunked.skip(15);
  CHECK(chunked.plain_bytes() == 0);
  CHECK(as_text(chunked.receive(as_bytes("x\r\n")).body) == "x");
  chunked.receive(as_bytes("\r\n0\r\n\r\n"));
  CHECK(chunked.state() == State::Done);

  BodyReader until_close({BodyKind::UntilClose, 0});
  const std::uint64_t plain = until_close.plain_bytes();
  CHECK(plain > std::uint64_t{1} << 40U);
  until_close.skip(1000);
  CHECK(until_close.plain_bytes() == plain);
  until_close.receive_end();
  CHECK(until_close.state() == State::Done);

  CHECK(BodyReader({BodyKind::None, 0}).plain_bytes() == 0);
}
