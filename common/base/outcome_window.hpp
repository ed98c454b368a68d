// The last N outcomes of something that succeeds or fails: rate and consecutive failures.
#pragma once

#include <cstddef>
#include <deque>

namespace scpool {

class OutcomeWindow {
 public:
  explicit OutcomeWindow(std::size_t capacity) : capacity_(capacity) {}

  void record(bool success) {
    outcomes_.push_back(success);
    if (outcomes_.size() > capacity_) {
      outcomes_.pop_front();
    }
    consecutive_failures_ = success ? 0 : consecutive_failures_ + 1;
  }

  std::size_t size() const { return outcomes_.size(); }
  std::size_t consecutive_failures() const { return consecutive_failures_; }
  // Share of failures in [0, 1]; 0 when nothing was recorded.
  double failure_rate() const {
    std::size_t failures = 0;
    for (const bool success : outcomes_) {
      failures += success ? 0U : 1U;
    }
    return outcomes_.empty()
               ? 0.0
               : static_cast<double>(failures) / static_cast<double>(outcomes_.size());
  }

 private:
  std::size_t capacity_;
  std::deque<bool> outcomes_;
  std::size_t consecutive_failures_ = 0;
};

}  // namespace scpool
