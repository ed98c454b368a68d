#include "common/tunnel/handshake.hpp"

#include <doctest/doctest.h>

#include "common/base/text.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

const std::string kId = "00112233445566778899aabbccddeeff";

UpgradeRequest sample() {
  UpgradeRequest request;
  request.tunnel.value = kId;
  request.hello.instance = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
  request.hello.connection = 2;
  request.hello.epoch = 17;
  request.hello.attempts = 3;
  request.hello.features = {"drain", "canary", "sync"};
  request.proof = Bytes(32, 0xab);
  return request;
}

RequestHead sample_head() {
  return upgrade_request_head(sample(), "tunnels.example:443");
}

// The answer to the sample with one field changed; without a value it is left out.
HeadProblem refused(const RequestHead& head) {
  auto parsed = parse_upgrade_request(head);
  auto* problem = std::get_if<HeadProblem>(&parsed);
  return problem == nullptr ? HeadProblem{0, "accepted"} : *problem;
}

HeadProblem refused_with(std::string_view name, const std::string& value) {
  RequestHead head = sample_head();
  head.fields.set(name, value);
  return refused(head);
}

HeadProblem refused_without(std::string_view name) {
  RequestHead head = sample_head();
  REQUIRE(head.fields.remove(name) == 1);
  return refused(head);
}

Result<TunnelSessionAnswer> answer_with(const std::string& session) {
  ResponseHead head = upgrade_answer_head(TunnelSessionAnswer{});
  head.fields.set("Tunnel-Session", session);
  return parse_upgrade_answer(head);
}

}  // namespace

TEST_CASE("the request looks as the protocol says") {
  const RequestHead head = sample_head();
  CHECK(head.method == "GET");
  CHECK(head.target == "/tunnel/v1/" + kId);
  CHECK(head.fields.find("Host") == "tunnels.example:443");
  CHECK(head.fields.find("Connection") == "upgrade");
  CHECK(head.fields.find("Upgrade") == "tunnel");
  CHECK(head.fields.find("ALPN") == "h2");
  CHECK(head.fields.find("Authorization") ==
        "Tunnel proof=\"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s\"");
  CHECK(head.fields.find("Tunnel-Hello") ==
        "v=1, instance=\"1b4e28ba-2fa1-11d2-883f-0016d3cca427\", conn=2, epoch=17, attempts=3, "
        "features=(drain canary sync)");
}

TEST_CASE("the server reads what the worker wrote") {
  const auto parsed = parse_upgrade_request(sample_head());
  const auto* request = std::get_if<UpgradeRequest>(&parsed);
  REQUIRE(request != nullptr);
  CHECK(request->tunnel.value == kId);
  CHECK(request->hello.instance == sample().hello.instance);
  CHECK(request->hello.connection == 2);
  CHECK(request->hello.epoch == 17);
  CHECK(request->hello.attempts == 3);
  CHECK(request->hello.features == sample().hello.features);
  CHECK(request->proof == sample().proof);
}

TEST_CASE("members and features of later versions are ignored") {
  CHECK(refused_with("Tunnel-Hello",
                     "v=1, instance=\"i\", conn=0, epoch=0, features=(warp), colour=\"red\", x")
            .status == 0);
  CHECK(refused_with("Tunnel-Hello", "v=1, instance=\"i\", conn=0, epoch=0").status == 0);
  CHECK(refused_with("Connection", "keep-alive, Upgrade").status == 0);
}

TEST_CASE("another version is answered with 426") {
  const HeadProblem problem = refused_with("Tunnel-Hello", "v=2, instance=\"i\", conn=0, epoch=0");
  CHECK(problem.status == 426);
  CHECK(problem.sentence == "tunnel protocol version 1 is spoken here, not 2");
}

TEST_CASE("anything malformed is answered with 400") {
  for (const char* name :
       {"Host", "Connection", "Upgrade", "ALPN", "Authorization", "Tunnel-Hello"}) {
    CAPTURE(name);
    CHECK(refused_without(name).status == 400);
    RequestHead twice = sample_head();
    if (std::string_view(name) != "Connection") {
      twice.fields.add(name, std::string(*twice.fields.find(name)));
      CHECK(refused(twice).status == 400);
    }
  }
  CHECK(refused_with("Connection", "close").status == 400);
  CHECK(refused_with("Upgrade", "websocket").status == 400);
  CHECK(refused_with("ALPN", "http%2F1.1").status == 400);
  CHECK(refused_with("Content-Length", "0").status == 400);
  CHECK(refused_with("Transfer-Encoding", "chunked").status == 400);

  RequestHead head = sample_head();
  head.method = "POST";
  CHECK(refused(head).status == 400);
  head = sample_head();
  head.minor_version = 0;
  CHECK(refused(head).status == 400);
  head = sample_head();
  head.target = "/tunnel/v1/short";
  CHECK(refused(head).status == 400);
}

TEST_CASE("every number and name of the hello has its bounds") {
  for (const char* hello : {"instance=\"i\", conn=0, epoch=0",
                            "v=\"1\", instance=\"i\", conn=0, epoch=0",
                            "v=1, conn=0, epoch=0",
                            "v=1, instance=\"\", conn=0, epoch=0",
                            "v=1, instance=\"a b\", conn=0, epoch=0",
                            "v=1, instance=i, conn=0, epoch=0",
                            "v=1, instance=\"i\", conn=16, epoch=0",
                            "v=1, instance=\"i\", epoch=0",
                            "v=1, instance=\"i\", conn=0",
                            "v=1, instance=\"i\", conn=0, epoch=-1",
                            "v=1, instance=\"i\", conn=0, epoch=0, epoch=1",
                            "v=1, instance=\"i\", conn=0, epoch=0, "
                            "features=(a b c d e f g h i j k l m n o p q)",
                            "not a dictionary"}) {
    CAPTURE(hello);
    CHECK(refused_with("Tunnel-Hello", hello).status == 400);
  }
  CHECK(refused_with("Tunnel-Hello",
                     "v=1, instance=\"" + std::string(65, 'i') + "\", conn=0, epoch=0")
            .status == 400);
  CHECK(refused_with("Tunnel-Hello",
                     "v=1, instance=\"i\", conn=0, epoch=0, x=\"" + std::string(3000, 'x') + "\"")
            .status == 400);
}

TEST_CASE("a proof is 32 bytes of base64url and nothing else") {
  CHECK(refused_with("Authorization", "Basic dXNlcjprZXk=").status == 400);
  CHECK(refused_with("Authorization", "Tunnel").status == 400);
  CHECK(refused_with("Authorization", "Tunnel ").status == 400);
  CHECK(refused_with("Authorization", "Tunnel proof=\"\"").status == 400);
  CHECK(
      refused_with("Authorization", "Tunnel proof=\"" + to_base64url(Bytes(31, 1)) + "\"").status ==
      400);
  CHECK(
      refused_with("Authorization", "Tunnel proof=\"" + to_base64url(Bytes(33, 1)) + "\"").status ==
      400);
  CHECK(
      refused_with("Authorization", "Tunnel proof=\"" + to_base64(Bytes(32, 255)) + "\"").status ==
      400);
  CHECK(
      refused_with("Authorization", "tunnel proof=\"" + to_base64url(Bytes(32, 1)) + "\"").status ==
      0);
}

TEST_CASE("a tunnel's target is the prefix and 32 lower-case hexadecimal digits") {
  REQUIRE(tunnel_of_target("/tunnel/v1/" + kId));
  CHECK(tunnel_of_target("/tunnel/v1/" + kId)->value == kId);
  CHECK_FALSE(tunnel_of_target("/tunnel/v1/" + kId + "/"));
  CHECK_FALSE(tunnel_of_target("/tunnel/v1/" + kId + "?x"));
  CHECK_FALSE(tunnel_of_target("/tunnel/v2/" + kId));
  CHECK_FALSE(tunnel_of_target("/tunnel/v1/00112233445566778899AABBCCDDEEFF"));
  CHECK_FALSE(tunnel_of_target("http://h/tunnel/v1/" + kId));
  CHECK_FALSE(tunnel_of_target(""));
}

TEST_CASE("the worker reads what the server answered") {
  TunnelSessionAnswer answer;
  answer.session = "s-1";
  answer.hold = 30s;
  answer.ping = 12s;
  answer.max_streams = 100;
  answer.carrier = true;
  answer.key = Bytes(32, 5);
  const ResponseHead head = upgrade_answer_head(answer);
  CHECK(head.status == 101);
  const auto parsed = parse_upgrade_answer(head);
  REQUIRE(parsed.ok());
  CHECK(parsed.value().session == "s-1");
  CHECK(parsed.value().hold == 30s);
  CHECK(parsed.value().ping == 12s);
  CHECK(parsed.value().max_streams == 100);
  CHECK(parsed.value().carrier);
  CHECK(parsed.value().key == Bytes(32, 5));
}

TEST_CASE("an answer that is no upgrade of ours says what is missing") {
  ResponseHead head = upgrade_answer_head(TunnelSessionAnswer{});
  head.status = 503;
  CHECK(parse_upgrade_answer(head).error().sentence() == "the server answered 503 instead of 101");
  head = upgrade_answer_head(TunnelSessionAnswer{});
  CHECK(parse_upgrade_answer(head).error().sentence() == "Tunnel-Session has no sid");
  head.fields.set("Upgrade", "websocket");
  CHECK(parse_upgrade_answer(head).error().sentence() ==
        "the server's 101 does not upgrade to tunnel");
  head = upgrade_answer_head(TunnelSessionAnswer{});
  head.fields.remove("Tunnel-Session");
  CHECK(parse_upgrade_answer(head).error().sentence() == "the server's 101 has no Tunnel-Session");
  head = upgrade_answer_head(TunnelSessionAnswer{});
  head.fields.remove("ALPN");
  CHECK(parse_upgrade_answer(head).error().sentence() == "the server's 101 does not choose h2");
}

TEST_CASE("the answer's members have defaults and bounds") {
  const auto least = answer_with("v=1, sid=\"s\"");
  REQUIRE(least.ok());
  CHECK(least.value().hold == 0s);
  CHECK(least.value().ping == 10s);
  CHECK(least.value().max_streams == 256);
  CHECK_FALSE(least.value().carrier);
  for (const char* session : {"v=2, sid=\"s\"",
                              "sid=\"s\"",
                              "v=1, sid=\"s\", ping=0",
                              "v=1, sid=\"s\", max-streams=0",
                              "v=1, sid=\"s\", hold=999999",
                              "v=1, sid=\"s\", key=\"short\"",
                              "v=1, sid=\"s\", carrier=1",
                              "v=1, sid=\"s"}) {
    CAPTURE(session);
    CHECK_FALSE(answer_with(session).ok());
  }
}

TEST_CASE("a session to resume is asked for and answered") {
  UpgradeRequest request = sample();
  request.resume = ResumeRequest{"0123456789abcdef", 123'456'789'012, Bytes(32, 0xcd)};
  const auto parsed = parse_upgrade_request(upgrade_request_head(request, "tunnels.example"));
  REQUIRE(std::holds_alternative<UpgradeRequest>(parsed));
  const auto& resume = std::get<UpgradeRequest>(parsed).resume;
  REQUIRE(resume.has_value());
  CHECK(resume->session == "0123456789abcdef");
  CHECK(resume->received == 123'456'789'012);
  CHECK(resume->proof == Bytes(32, 0xcd));

  TunnelSessionAnswer answer;
  answer.session = "0123456789abcdef";
  answer.carrier = true;
  answer.hold = 30s;
  answer.resumed_received = 42;
  const auto again = parse_upgrade_answer(upgrade_answer_head(answer));
  REQUIRE(again.ok());
  CHECK(again.value().resumed_received == 42);
  CHECK(again.value().hold == 30s);
}

TEST_CASE("a Tunnel-Resume that lacks something is refused") {
  const std::string proof = to_base64url(Bytes(32, 1));
  CHECK(refused_with("Tunnel-Resume", "sid=\"a\", recv=1, proof=\"" + proof + "\"").sentence ==
        "accepted");
  CHECK(refused_with("Tunnel-Resume", "recv=1, proof=\"" + proof + "\"").status == 400);
  CHECK(refused_with("Tunnel-Resume", "sid=\"a\", proof=\"" + proof + "\"").status == 400);
  CHECK(refused_with("Tunnel-Resume", "sid=\"a\", recv=-1, proof=\"" + proof + "\"").status == 400);
  CHECK(refused_with("Tunnel-Resume", "sid=\"a\", recv=1, proof=\"AAAA\"").status == 400);
  CHECK(refused_with("Tunnel-Resume", "").status == 400);
}
