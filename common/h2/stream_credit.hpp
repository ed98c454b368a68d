// The arithmetic of HTTP/2 credit: when a receive window grows, in which order streams send, and
// how much nuisance a peer may cause. Pure: told what happened and when. Who counts bytes and
// writes frames is h2_session.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/fifo.hpp"
#include "common/base/ids.hpp"
#include "common/base/time.hpp"

namespace scpool {

// The receive window of one stream. It is too small when more than two thirds of it are used up
// within one round trip; then it doubles, so a path of any length fills after a few round trips.
class StreamCredit {
 public:
  explicit StreamCredit(std::uint32_t window) : window_(window) {}

  std::uint32_t window() const { return window_; }
  // Bytes were passed on. The window that is wanted now, if it is a larger one; `round_trip` zero:
  // not known, no growth.
  std::optional<std::uint32_t> consumed(std::size_t count, Instant now, Duration round_trip);
  // The wish was granted.
  void grow(std::uint32_t window);

 private:
  std::uint32_t window_;
  Instant round_start_{};
  std::size_t round_bytes_ = 0;
};

// Whose turn it is to send. A stream that has been silent goes before those that are in the middle
// of much, for one turn, in the middle of another's turn if the caller says so; then all take
// turns. A stream leaves when its turn finds it empty, so nobody comes first again and again
// by sending little by little.
class SendOrder {
 public:
  // The stream has something to send and stands nowhere in the order.
  void add(StreamId stream) { fresh_.push_back(stream); }
  // After its turn; also when it has nothing left just now.
  void add_behind(StreamId stream) { ring_.push_back(stream); }
  // Its turn goes on when those that were silent have had theirs.
  void interrupt(StreamId stream) { interrupted_.push_back(stream); }
  // The first of those that were silent.
  std::optional<StreamId> first_silent() const {
    return fresh_.empty() ? std::nullopt : std::optional(fresh_.front());
  }
  std::optional<StreamId> next();
  bool empty() const { return fresh_.empty() && interrupted_.empty() && ring_.empty(); }

 private:
  Fifo<StreamId> fresh_;
  Fifo<StreamId> interrupted_;
  Fifo<StreamId> ring_;
};

// So many at once, so many a second in the long run.
class RateAllowance {
 public:
  RateAllowance(std::uint32_t burst, std::uint32_t per_second)
      : burst_(burst), per_second_(per_second), left_(burst) {}

  // False when it is used up.
  [[nodiscard]] bool take(Instant now);

 private:
  double burst_;
  double per_second_;
  double left_;
  std::optional<Instant> last_;
};

}  // namespace scpool
