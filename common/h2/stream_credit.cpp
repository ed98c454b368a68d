#include "common/h2/stream_credit.hpp"

#include <algorithm>
#include <chrono>

#include "common/base/limits.hpp"

namespace scpool {

std::optional<std::uint32_t> StreamCredit::consumed(std::size_t count,
                                                    Instant now,
                                                    Duration round_trip) {
  if (round_trip <= Duration::zero() || window_ >= limits::kMaxStreamWindow) {
    return std::nullopt;
  }
  if (now - round_start_ > round_trip) {
    round_start_ = now;
    round_bytes_ = 0;
  }
  round_bytes_ += count;
  if (round_bytes_ <= window_ / 3 * 2) {
    return std::nullopt;
  }
  return std::min(window_ * 2, limits::kMaxStreamWindow);
}

void StreamCredit::grow(std::uint32_t window) {
  window_ = window;
  round_bytes_ = 0;
}

std::optional<StreamId> SendOrder::next() {
  Fifo<StreamId>& from = !fresh_.empty() ? fresh_ : !interrupted_.empty() ? interrupted_ : ring_;
  if (from.empty()) {
    return std::nullopt;
  }
  const StreamId stream = from.front();
  from.pop_front();
  return stream;
}

bool RateAllowance::take(Instant now) {
  if (last_.has_value() && now > *last_) {
    const double seconds = std::chrono::duration<double>(now - *last_).count();
    left_ = std::min(burst_, left_ + seconds * per_second_);
  }
  last_ = now;
  if (left_ < 1.0) {
    return false;
  }
  left_ -= 1.0;
  return true;
}

}  // namespace scpool
