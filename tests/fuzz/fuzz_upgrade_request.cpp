// The upgrade and its answer: never a crash, and what was accepted is written and read back the
// same. The first byte chooses the side.
#include <string>

#include "common/base/check.hpp"
#include "common/tunnel/handshake.hpp"

using namespace scpool;

namespace {

HeadParser parsed(HeadParser::Kind kind, std::string_view text) {
  HeadParser parser(kind, {limits::kMaxTarget, limits::kMaxUpgradeHead, limits::kMaxFields});
  parser.receive(as_bytes(text));
  return parser;
}

void check_request(std::string_view text) {
  HeadParser parser = parsed(HeadParser::Kind::Request, text);
  if (parser.state() != HeadParser::State::Done) {
    return;
  }
  const auto outcome = parse_upgrade_request(parser.request());
  if (const auto* problem = std::get_if<HeadProblem>(&outcome)) {
    SCPOOL_CHECK(problem->status == 400 || problem->status == 426);
    SCPOOL_CHECK(!problem->sentence.empty());
    return;
  }
  const auto& request = std::get<UpgradeRequest>(outcome);
  SCPOOL_CHECK(request.proof.size() == 32 && request.tunnel.value.size() == 32);
  SCPOOL_CHECK(request.hello.connection < limits::kMaxTunnelConnections);
  std::string written;
  write_head(upgrade_request_head(request, "server"), written);
  HeadParser again = parsed(HeadParser::Kind::Request, written);
  SCPOOL_CHECK(again.state() == HeadParser::State::Done);
  const auto second = parse_upgrade_request(again.request());
  const auto* copy = std::get_if<UpgradeRequest>(&second);
  SCPOOL_CHECK(copy != nullptr);
  SCPOOL_CHECK(copy->tunnel == request.tunnel && copy->proof == request.proof);
  SCPOOL_CHECK(copy->hello.instance == request.hello.instance);
  SCPOOL_CHECK(copy->hello.connection == request.hello.connection);
  SCPOOL_CHECK(copy->hello.epoch == request.hello.epoch);
  SCPOOL_CHECK(copy->hello.attempts == request.hello.attempts);
  SCPOOL_CHECK(copy->hello.features == request.hello.features);
}

void check_answer(std::string_view text) {
  HeadParser parser = parsed(HeadParser::Kind::Response, text);
  if (parser.state() != HeadParser::State::Done) {
    return;
  }
  const auto answer = parse_upgrade_answer(parser.response());
  if (!answer.ok()) {
    SCPOOL_CHECK(!answer.error().sentence().empty());
    return;
  }
  const auto again = parse_upgrade_answer(upgrade_answer_head(answer.value()));
  SCPOOL_CHECK(again.ok());
  SCPOOL_CHECK(again.value().session == answer.value().session);
  SCPOOL_CHECK(again.value().hold == answer.value().hold);
  SCPOOL_CHECK(again.value().ping == answer.value().ping);
  SCPOOL_CHECK(again.value().max_streams == answer.value().max_streams);
  SCPOOL_CHECK(again.value().carrier == answer.value().carrier);
  SCPOOL_CHECK(again.value().key == answer.value().key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1U) == 0) {
    check_request(text);
  } else {
    check_answer(text);
  }
  return 0;
}
