#include "common/tunnel/resumable_session.hpp"

#include "common/base/text.hpp"

namespace scpool {

ResumeVerdict judge_resume(const ResumableSession& session,
                           std::uint64_t epoch,
                           ByteView proof,
                           ByteView expected_proof,
                           bool in_range) {
  if (session.key.empty() || !equal_in_constant_time(proof, expected_proof)) {
    return ResumeVerdict::WrongProof;
  }
  if (epoch <= session.epoch) {
    return ResumeVerdict::OldEpoch;
  }
  return in_range ? ResumeVerdict::Accepted : ResumeVerdict::OutOfRange;
}

std::string_view sentence_of(ResumeVerdict verdict) {
  switch (verdict) {
    case ResumeVerdict::Accepted:
      return "the session goes on";
    case ResumeVerdict::WrongProof:
      return "the proof is wrong for this session and TLS channel";
    case ResumeVerdict::OldEpoch:
      return "the session has gone on with a newer connection";
    case ResumeVerdict::OutOfRange:
      return "the bytes to go on from are no longer here";
  }
  return "unknown";
}

std::string_view to_text(ResumeVerdict verdict) {
  switch (verdict) {
    case ResumeVerdict::Accepted:
      return "resumed";
    case ResumeVerdict::WrongProof:
      return "wrong_proof";
    case ResumeVerdict::OldEpoch:
      return "old_epoch";
    case ResumeVerdict::OutOfRange:
      return "out_of_range";
  }
  return "unknown";
}

}  // namespace scpool
