// Signals as events on the loop. SIGPIPE is ignored by whoever makes one of these.
#pragma once

#include <functional>
#include <map>

#include "common/io/event_loop.hpp"

struct uv_signal_s;

namespace scpool {

class Signals {
 public:
  explicit Signals(EventLoop& loop);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  // Calls `action` each time the signal arrives; does not keep the loop running.
  void on(int signal_number, std::function<void()> action);

 private:
  EventLoop& loop_;
  std::map<int, std::pair<uv_signal_s*, std::function<void()>>> watched_;
};

// "SIGTERM" of 15; "signal 77" of an unknown one.
const char* signal_name(int signal_number);

}  // namespace scpool
