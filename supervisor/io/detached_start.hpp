// `up -d`: the process that was called stays in the foreground until the daemon knows how the start
// went, passes Ctrl-C on to it meanwhile, and ends with the exit code the daemon reports. Call
// detach() before there is a loop or a thread. Not in the layout's list: forking fits no class
// that lives on a loop.
#pragma once

#include "common/base/result.hpp"

namespace scpool::supervisor {

class DetachedStart {
 public:
  // Returns in the daemon alone (own session, not its leader). Until report(), it writes to the
  // terminal it was started from.
  static Result<DetachedStart> detach();
  DetachedStart(DetachedStart&& other) noexcept;
  DetachedStart& operator=(DetachedStart&&) = delete;
  DetachedStart(const DetachedStart&) = delete;
  DetachedStart& operator=(const DetachedStart&) = delete;
  ~DetachedStart();

  // Lets the caller go with this exit code and leaves the terminal. Once; without it the caller
  // ends with 1 when the daemon ends.
  void report(int exit_code);

 private:
  explicit DetachedStart(int pipe) : pipe_(pipe) {}
  int pipe_;
};

}  // namespace scpool::supervisor
