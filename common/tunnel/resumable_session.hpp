// Whether a session may go on over another connection (engineering notes section 4): the server's
// judgement of a Tunnel-Resume, made before any state is touched. Pure; the proof is computed by
// whoever holds the TLS channel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.hpp"

namespace scpool {

// What both ends remember of a session.
struct ResumableSession {
  std::string id;           // sid; empty: nothing can be resumed
  Bytes key;                // 32 bytes
  std::uint64_t epoch = 0;  // of its last connection
};

enum class ResumeVerdict { Accepted, WrongProof, OldEpoch, OutOfRange };

// `in_range`: what the worker asks for is still here (Carrier::can_resume).
ResumeVerdict judge_resume(const ResumableSession& session,
                           std::uint64_t epoch,
                           ByteView proof,
                           ByteView expected_proof,
                           bool in_range);

// A sentence for the refused worker, and a label for metrics.
std::string_view sentence_of(ResumeVerdict verdict);
std::string_view to_text(ResumeVerdict verdict);

}  // namespace scpool
