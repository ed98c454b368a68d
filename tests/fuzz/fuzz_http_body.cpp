// Bodies: never a crash, the same bytes and the same verdict however the input is cut, never more
// kept than the limits say; what was read, written as chunks again, reads back equal. The first two
// bytes choose kind, length and cuts.
#include <string>

#include "common/base/check.hpp"
#include "common/http/body_framing.hpp"

using namespace scpool;

namespace {

struct Outcome {
  BodyReader::State state = BodyReader::State::NeedMore;
  HeadProblem problem;
  std::size_t consumed = 0;
  std::string body;
  Fields trailers;
};

Outcome read(BodyPlan plan, std::string_view text, std::size_t piece) {
  BodyReader reader(plan);
  Outcome outcome;
  while (reader.state() == BodyReader::State::NeedMore && outcome.consumed < text.size()) {
    const auto step = reader.receive(as_bytes(text.substr(outcome.consumed, piece)));
    SCPOOL_CHECK(step.consumed > 0);
    SCPOOL_CHECK(step.body.size() <= step.consumed);
    outcome.consumed += step.consumed;
    outcome.body += as_text(step.body);
  }
  reader.receive_end();
  outcome.state = reader.state();
  outcome.problem = reader.problem();
  outcome.trailers = reader.trailers();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  BodyPlan plan;
  plan.kind = static_cast<BodyKind>(data[0] & 3U);
  plan.length = plan.kind == BodyKind::Length ? data[1] : 0;
  const std::size_t piece = 1 + (data[0] >> 2U);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = read(plan, text, text.size() + 1);
  const Outcome pieces = read(plan, text, piece);
  SCPOOL_CHECK(whole.state == pieces.state);
  SCPOOL_CHECK(whole.body == pieces.body);
  SCPOOL_CHECK(whole.trailers == pieces.trailers);
  SCPOOL_CHECK(whole.problem.sentence == pieces.problem.sentence);
  SCPOOL_CHECK(whole.state != BodyReader::State::NeedMore);
  if (whole.state != BodyReader::State::Done) {
    return 0;
  }
  SCPOOL_CHECK(whole.consumed == pieces.consumed);
  std::string again;
  for (std::size_t at = 0; at < whole.body.size(); at += piece) {
    const std::string_view run = std::string_view(whole.body).substr(at, piece);
    append_chunk_start(run.size(), again);
    again += run;
    append_chunk_end(again);
  }
  append_last_chunk(whole.trailers, again);
  const Outcome second = read({BodyKind::Chunked, 0}, again, again.size());
  SCPOOL_CHECK(second.state == BodyReader::State::Done);
  SCPOOL_CHECK(second.body == whole.body);
  SCPOOL_CHECK(second.trailers == whole.trailers);
  SCPOOL_CHECK(second.consumed == again.size());
  return 0;
}
