#include "common/io/signals.hpp"

#include <uv.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {

Signals::Signals(EventLoop& loop) : loop_(loop) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  SCPOOL_CHECK(sigaction(SIGPIPE, &ignore, nullptr) == 0);
}

Signals::~Signals() {
  for (auto& [number, watch] : watched_) {
    close_handle(watch.first);
  }
}

void Signals::on(int signal_number, std::function<void()> action) {
  auto& [handle, stored] = watched_[signal_number];
  stored = std::move(action);
  if (handle != nullptr) {
    return;
  }
  handle = new uv_signal_t;
  SCPOOL_CHECK(uv_signal_init(loop_.native(), handle) == 0);
  handle->data = this;
  const int started = uv_signal_start(
      handle,
      [](uv_signal_t* fired, int number) noexcept {
        if (fired->data != nullptr) {
          // A copy: the action may replace itself or destroy its owner.
          const auto run = static_cast<Signals*>(fired->data)->watched_.at(number).second;
          run();
        }
      },
      signal_number);
  SCPOOL_CHECK(started == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
}

const char* signal_name(int signal_number) {
  thread_local std::array<char, 32> text;
  const char* abbreviation = sigabbrev_np(signal_number);
  if (abbreviation != nullptr) {
    std::snprintf(text.data(), text.size(), "SIG%s", abbreviation);
  } else {
    std::snprintf(text.data(), text.size(), "signal %d", signal_number);
  }
  return text.data();
}

}  // namespace scpool
