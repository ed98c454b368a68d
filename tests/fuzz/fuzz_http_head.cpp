// Heads: never a crash, the same verdict however the input is cut, and what was accepted reads back
// equal when it is written again. The first byte chooses kind and cuts.
#include <string>
#include <vector>

#include "common/base/check.hpp"
#include "common/http/body_framing.hpp"
#include "common/http/field_rules.hpp"
#include "common/http/message_head.hpp"

using namespace scpool;

namespace {

struct Outcome {
  HeadParser parser;
  std::size_t consumed = 0;
};

Outcome parse(HeadParser::Kind kind, std::string_view text, std::size_t piece) {
  Outcome outcome{HeadParser(kind), 0};
  while (outcome.parser.state() == HeadParser::State::NeedMore && outcome.consumed < text.size()) {
    const std::size_t taken =
        outcome.parser.receive(as_bytes(text.substr(outcome.consumed, piece)));
    SCPOOL_CHECK(taken > 0 || outcome.parser.state() == HeadParser::State::Refused);
    outcome.consumed += taken;
  }
  return outcome;
}

template <class Head>
bool equal(const Head& left, const Head& right);

template <>
bool equal(const RequestHead& left, const RequestHead& right) {
  return left.method == right.method && left.target == right.target &&
         left.minor_version == right.minor_version && left.fields == right.fields;
}

template <>
bool equal(const ResponseHead& left, const ResponseHead& right) {
  return left.status == right.status && left.reason == right.reason &&
         left.minor_version == right.minor_version && left.fields == right.fields;
}

// A request that may be forwarded makes a list that is accepted and means the same.
void check_forwarding(RequestHead head) {
  auto target = parse_absolute_target(head.method, head.target);
  const auto* absolute = std::get_if<AbsoluteTarget>(&target);
  if (absolute == nullptr || head.method == "CONNECT" || remove_hop_by_hop(head.fields) ||
      std::holds_alternative<HeadProblem>(request_body_plan(head))) {
    return;
  }
  remove_internal_fields(head.fields);
  const auto back = from_h2_request(to_h2_request(head, *absolute));
  const auto* request = std::get_if<TunnelRequest>(&back);
  SCPOOL_CHECK(request != nullptr);
  SCPOOL_CHECK(request->authority == absolute->authority);
  std::string text;
  write_head(request->head, text);
  HeadParser parser(HeadParser::Kind::Request, {limits::kMaxTarget, 2 * limits::kMaxHead, 400});
  SCPOOL_CHECK(parser.receive(as_bytes(text)) == text.size());
  SCPOOL_CHECK(parser.state() == HeadParser::State::Done);
  SCPOOL_CHECK(equal(parser.request(), request->head));
}

void check_forwarding(ResponseHead head) {
  if (remove_hop_by_hop(head.fields) ||
      std::holds_alternative<HeadProblem>(response_body_plan(head, "GET"))) {
    return;
  }
  remove_internal_fields(head.fields);
  SCPOOL_CHECK(from_h2_response(to_h2_response(head)).has_value() || head.fields.contains("te"));
}

template <class Head>
void check_accepted(HeadParser::Kind kind, const Head& head) {
  std::string text;
  write_head(head, text);
  Outcome again = parse(kind, text, text.size());
  // Written fields may be longer than they came ("a:b" becomes "a: b"): then only the size is
  // refused.
  if (again.parser.state() == HeadParser::State::Refused) {
    SCPOOL_CHECK(again.parser.problem().status == 431);
    return;
  }
  SCPOOL_CHECK(again.consumed == text.size());
  if constexpr (std::is_same_v<Head, RequestHead>) {
    SCPOOL_CHECK(equal(again.parser.request(), head));
  } else {
    SCPOOL_CHECK(equal(again.parser.response(), head));
  }
  check_forwarding(head);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto kind = (data[0] & 1U) != 0 ? HeadParser::Kind::Response : HeadParser::Kind::Request;
  const std::size_t piece = 1 + (data[0] >> 1U);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = parse(kind, text, text.size());
  Outcome pieces = parse(kind, text, piece);
  SCPOOL_CHECK(whole.parser.state() == pieces.parser.state());
  SCPOOL_CHECK(whole.parser.problem().status == pieces.parser.problem().status);
  SCPOOL_CHECK(whole.parser.problem().sentence == pieces.parser.problem().sentence);
  if (whole.parser.state() != HeadParser::State::Done) {
    return 0;
  }
  SCPOOL_CHECK(whole.consumed == pieces.consumed);
  if (kind == HeadParser::Kind::Request) {
    SCPOOL_CHECK(equal(whole.parser.request(), pieces.parser.request()));
    check_accepted(kind, whole.parser.request());
  } else {
    SCPOOL_CHECK(equal(whole.parser.response(), pieces.parser.response()));
    check_accepted(kind, whole.parser.response());
  }
  return 0;
}
