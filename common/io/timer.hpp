// One-shot timers. `DeadlineTimer` is a shell's one timer: armed at the earliest instant a decider
// named, again after every turn. Destroying a timer cancels it; one that is never started costs
// nothing.
#pragma once

#include <functional>
#include <memory>

#include "common/base/time.hpp"
#include "common/io/event_loop.hpp"

struct uv_timer_s;

namespace scpool {

class Timer {
 public:
  explicit Timer(EventLoop& loop) : loop_(loop) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Replaces what was armed before. Fires once, at the millisecond after `delay`.
  void start(Duration delay, std::function<void()> action);
  void cancel();
  bool armed() const;

 private:
  EventLoop& loop_;
  uv_timer_s* handle_ = nullptr;  // from the first start on
  std::function<void()> action_;
};

class DeadlineTimer {
 public:
  DeadlineTimer(EventLoop& loop, std::function<void()> action);

  // kNever disarms. Cheap when the instant is not earlier than before: the loop is then woken at
  // the earlier one and waits for what is left.
  void arm(Instant deadline);

 private:
  void wake_at(Instant instant);

  EventLoop& loop_;
  Timer timer_;
  std::function<void()> action_;
  Instant deadline_ = kNever;
  Instant wakes_at_ = kNever;  // not later than deadline_
};

}  // namespace scpool
