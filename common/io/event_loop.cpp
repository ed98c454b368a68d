#include "common/io/event_loop.hpp"

#include <uv.h>

#include <cstdint>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {

EventLoop::EventLoop()
    : loop_(std::make_unique<uv_loop_t>()),
      wake_(new uv_async_t),
      turn_end_(new uv_check_t),
      before_wait_(new uv_prepare_t) {
  SCPOOL_CHECK(uv_loop_init(loop_.get()) == 0);
  wake_->data = this;
  SCPOOL_CHECK(uv_async_init(loop_.get(), wake_, [](uv_async_t* handle) {
                 if (handle->data != nullptr) {
                   static_cast<EventLoop*>(handle->data)->run_posted();
                 }
               }) == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(wake_));
  turn_end_->data = this;
  uv_check_init(loop_.get(), turn_end_);
  uv_check_start(turn_end_, [](uv_check_t* handle) {
    if (handle->data != nullptr) {
      static_cast<EventLoop*>(handle->data)->run_turn_ends();
      static_cast<EventLoop*>(handle->data)->destroy_retired();
    }
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(turn_end_));
  // Timers and the destruction of what was retired come before the wait, events after it.
  before_wait_->data = this;
  uv_prepare_init(loop_.get(), before_wait_);
  uv_prepare_start(before_wait_, [](uv_prepare_t* handle) {
    if (handle->data != nullptr) {
      static_cast<EventLoop*>(handle->data)->run_turn_ends();
      static_cast<EventLoop*>(handle->data)->destroy_retired();
    }
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(before_wait_));
}

EventLoop::~EventLoop() {
  destroy_retired();
  close_handle(wake_);
  close_handle(turn_end_);
  close_handle(before_wait_);
  uv_run(loop_.get(), UV_RUN_DEFAULT);
  destroy_retired();
  uv_run(loop_.get(), UV_RUN_DEFAULT);
  SCPOOL_CHECK(uv_loop_close(loop_.get()) == 0);
}

void EventLoop::run() {
  uv_run(loop_.get(), UV_RUN_DEFAULT);
  destroy_retired();
}

void EventLoop::stop() {
  uv_stop(loop_.get());
}

void EventLoop::run_once() {
  uv_run(loop_.get(), UV_RUN_ONCE);
  destroy_retired();
}

Instant EventLoop::now() const {
  return Instant{std::chrono::milliseconds{static_cast<std::int64_t>(uv_now(loop_.get()))}};
}

WallTime EventLoop::wall_now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void EventLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  uv_async_send(wake_);
}

void EventLoop::retire_erased(Retired retired) {
  retired_.push_back(retired);  // each turn ends before the loop waits: nobody has to wake it
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const std::function<void()>& item : work) {
    item();
  }
}

void EventLoop::destroy_retired() {
  while (!retired_.empty()) {
    dying_.swap(retired_);
    for (const Retired& retired : dying_) {
      retired.destroy(retired.object);
    }
    dying_.clear();
  }
}

void EventLoop::run_turn_ends() {
  while (!turn_ends_.empty()) {
    TurnEnd* next = turn_ends_.front();
    turn_ends_.pop_front();
    next->armed_ = false;
    next->action_();
  }
}

TurnEnd::TurnEnd(EventLoop& loop, std::function<void()> action)
    : loop_(loop), action_(std::move(action)) {}

TurnEnd::~TurnEnd() {
  if (armed_) {
    std::erase(loop_.turn_ends_, this);
  }
}

void TurnEnd::arm() {
  if (!armed_) {
    armed_ = true;
    loop_.turn_ends_.push_back(this);
  }
}

}  // namespace scpool
