#include "common/io/timer.hpp"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {

Timer::Timer(EventLoop& loop) : handle_(new uv_timer_t) {
  SCPOOL_CHECK(uv_timer_init(loop.native(), handle_) == 0);
  handle_->data = this;
}

Timer::~Timer() {
  close_handle(handle_);
}

void Timer::start(Duration delay, std::function<void()> action) {
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
  uv_timer_stop(handle_);
  action_ = nullptr;
}

bool Timer::armed() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(handle_)) != 0;
}

DeadlineTimer::DeadlineTimer(EventLoop& loop, std::function<void()> action)
    : loop_(loop), timer_(loop), action_(std::move(action)) {}

void DeadlineTimer::arm(Instant deadline) {
  if (deadline == deadline_ && (timer_.armed() || deadline == kNever)) {
    return;
  }
  deadline_ = deadline;
  if (deadline == kNever) {
    timer_.cancel();
    return;
  }
  timer_.start(deadline - loop_.now(), [this] {
    deadline_ = kNever;
    action_();
  });
}

}  // namespace scpool
