#include "common/tunnel/resumable_session.hpp"

#include <doctest/doctest.h>

using namespace scpool;

TEST_CASE("a session goes on with the right proof, a newer epoch and bytes that are here") {
  const ResumableSession session{"s", Bytes(32, 7), 5};
  const Bytes right(32, 1);
  const Bytes wrong(32, 2);
  CHECK(judge_resume(session, 6, right, right, true) == ResumeVerdict::Accepted);
  CHECK(judge_resume(session, 6, wrong, right, true) == ResumeVerdict::WrongProof);
  CHECK(judge_resume(session, 5, right, right, true) == ResumeVerdict::OldEpoch);
  CHECK(judge_resume(session, 6, right, right, false) == ResumeVerdict::OutOfRange);
}

TEST_CASE("without the proof nothing else is told, and without a key nothing is proven") {
  const ResumableSession session{"s", Bytes(32, 7), 5};
  const Bytes right(32, 1);
  CHECK(judge_resume(session, 1, Bytes(32, 2), right, false) == ResumeVerdict::WrongProof);
  CHECK(judge_resume({"s", {}, 5}, 6, right, right, true) == ResumeVerdict::WrongProof);
  CHECK(sentence_of(ResumeVerdict::OldEpoch) != sentence_of(ResumeVerdict::OutOfRange));
  CHECK(to_text(ResumeVerdict::OldEpoch) == "old_epoch");
}
