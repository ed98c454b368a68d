#include "common/io/timer.hpp"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {

Timer::~Timer() {
  close_handle(handle_);
}

void Timer::start(Duration delay, std::function<void()> action) {
  if (handle_ == nullptr) {
    handle_ = new uv_timer_t;
    SCPOOL_CHECK(uv_timer_init(loop_.native(), handle_) == 0);
    handle_->data = this;
  }
  action_ = std::move(action);
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(
      std::clamp<Duration>(delay, Duration::zero(), std::chrono::hours{24 * 365}));
  uv_timer_start(
      handle_,
      [](uv_timer_t* handle) {
        if (handle->data != nullptr) {
          const auto fire = std::exchange(static_cast<Timer*>(handle->data)->action_, nullptr);
          fire();
        }
      },
      static_cast<std::uint64_t>(rounded.count()),
      0);
}

void Timer::cancel() {
  if (handle_ != nullptr) {
    uv_timer_stop(handle_);
    action_ = nullptr;
  }
}

bool Timer::armed() const {
  return handle_ != nullptr && uv_is_active(reinterpret_cast<const uv_handle_t*>(handle_)) != 0;
}

DeadlineTimer::DeadlineTimer(EventLoop& loop, std::function<void()> action)
    : loop_(loop), timer_(loop), action_(std::move(action)) {}

void DeadlineTimer::arm(Instant deadline) {
  deadline_ = deadline;
  if (deadline < wakes_at_) {
    wake_at(deadline);
  } else if (deadline == kNever && wakes_at_ != kNever) {
    wakes_at_ = kNever;
    timer_.cancel();
  }
}

void DeadlineTimer::wake_at(Instant instant) {
  wakes_at_ = instant;
  timer_.start(instant - loop_.now(), [this] {
    wakes_at_ = kNever;
    if (loop_.now() < deadline_) {
      wake_at(deadline_);
    } else {
      deadline_ = kNever;
      action_();
    }
  });
}

}  // namespace scpool
