// One-shot timers. `DeadlineTimer` is a shell's one timer: armed at the earliest instant a decider
// named, again after every turn. Destroying a timer cancels it.
#pragma once

#include <functional>
#include <memory>

#include "common/base/time.hpp"
#include "common/io/event_loop.hpp"

struct uv_timer_s;

namespace scpool {

class Timer {
 public:
  explicit Timer(EventLoop& loop);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Replaces what was armed before. Fires once, at the millisecond after `delay`.
  void start(Duration delay, std::function<void()> action);
  void cancel();
  bool armed() const;

 private:
  uv_timer_s* handle_;
  std::function<void()> action_;
};

class DeadlineTimer {
 public:
  DeadlineTimer(EventLoop& loop, std::function<void()> action);

  // kNever disarms. Cheap when the instant did not change.
  void arm(Instant deadline);

 private:
  EventLoop& loop_;
  Timer timer_;
  std::function<void()> action_;
  Instant deadline_ = kNever;
};

}  // namespace scpool
