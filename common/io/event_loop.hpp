// The loop of one thread: run, now, post, retire, clean shutdown (libuv). Every object with a
// handle belongs to one loop. Only the shells ask it for the time; deciders are given it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/time.hpp"

struct uv_loop_s;
struct uv_async_s;
struct uv_check_s;
struct uv_prepare_s;

namespace scpool {

class TurnEnd;

class EventLoop final : public Clock {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  // Runs the loop empty; a handle that somebody forgot to close fails a check.
  ~EventLoop() override;

  // Returns after stop(), or when nothing is left to wait for.
  void run();
  void stop();
  // One turn, waiting for an event if there is none; for tests.
  void run_once();

  // Read once per turn of the loop.
  Instant now() const override;
  WallTime wall_now() const override;

  // Runs `work` in a later turn; may be called from any thread.
  void post(std::function<void()> work);

  // Destroys the object when the current turn's callbacks have returned: the way to get rid of
  // something from inside its own callback.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (object != nullptr) {
      retire_erased({object.release(), [](void* pointer) { delete static_cast<T*>(pointer); }});
    }
  }

  uv_loop_s* native() { return loop_.get(); }

 private:
  struct Retired {
    void* object;
    void (*destroy)(void*);
  };
  void retire_erased(Retired retired);
  void run_posted();
  void destroy_retired();
  void run_turn_ends();
  friend class TurnEnd;

  std::unique_ptr<uv_loop_s> loop_;
  uv_async_s* wake_;
  uv_check_s* turn_end_;
  uv_prepare_s* before_wait_;
  std::mutex mutex_;  // guards posted_ alone
  std::vector<std::function<void()>> posted_;
  std::vector<Retired> retired_;
  std::vector<Retired> dying_;  // empty but for its memory when nothing is being destroyed
  std::deque<TurnEnd*> turn_ends_;
};

// Work that waits until all events of the current turn were handled, and is then done once, before
// the loop waits for new ones: one write for all that was said in a turn. The action must not arm
// it again for ever. Destroying it cancels.
class TurnEnd {
 public:
  TurnEnd(EventLoop& loop, std::function<void()> action);
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;
  ~TurnEnd();

  void arm();

 private:
  friend class EventLoop;
  EventLoop& loop_;
  std::function<void()> action_;
  bool armed_ = false;
};

}  // namespace scpool
