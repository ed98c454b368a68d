// Time as an argument. Deciders get an Instant (monotonic) with each event; only shells ask a
// Clock. WallTime is for people, logs and the REST contract, never for deciding when to act.
#pragma once

#include <chrono>
#include <cstdint>

namespace scpool {

using Duration = std::chrono::nanoseconds;

// The timeline of CLOCK_BOOTTIME-like monotonic time; it has no now(): time is passed in.
struct MonotonicTimeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicTimeline, Duration>;
  static constexpr bool is_steady = true;
};

using Instant = MonotonicTimeline::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

// Later than anything that happens.
inline constexpr Instant kNever = Instant::max();

inline std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

inline WallTime wall_time_from_unix(std::int64_t seconds) {
  return WallTime{std::chrono::seconds{seconds}};
}

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;
};

}  // namespace scpool
