#include "common/tunnel/upkeep_timer.hpp"

#include <algorithm>

#include "common/base/limits.hpp"

namespace scpool {
namespace {

constexpr Duration kSharedInstants = std::chrono::milliseconds{250};
constexpr Duration kFar = std::chrono::seconds{1};
constexpr std::uint64_t kLittleOwed = 4 * 1024;

Instant with_others(Instant deadline) {
  if (deadline == kNever) {
    return kNever;
  }
  const Duration over = deadline.time_since_epoch() % kSharedInstants;
  return over == Duration::zero() ? deadline : deadline + (kSharedInstants - over);
}

}  // namespace

Instant upkeep_timer(const UpkeepDeadlines& deadlines, Instant now) {
  const bool far = deadlines.upkeep - now > kFar;
  const bool little = deadlines.owed_bytes < kLittleOwed;
  return std::min({deadlines.urgent,
                   far ? with_others(deadlines.upkeep) : deadlines.upkeep,
                   little ? with_others(deadlines.ack) : deadlines.ack});
}

Duration ack_delay(bool has_streams) {
  return has_streams ? limits::kCarrierAckDelay : limits::kCanaryPeriod;
}

}  // namespace scpool
