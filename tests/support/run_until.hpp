// Turns a loop until something has happened. The time limit only ends a test that has failed
// already; no test's result depends on how fast it was.
#pragma once

#include <doctest/doctest.h>

#include <functional>

#include "common/io/event_loop.hpp"
#include "common/io/timer.hpp"

namespace scpool {

inline bool run_until(EventLoop& loop,
                      const std::function<bool()>& happened,
                      Duration limit = std::chrono::seconds{60}) {
  bool too_late = false;
  Timer deadline(loop);
  deadline.start(limit, [&too_late] { too_late = true; });
  while (!happened() && !too_late) {
    loop.run_once();
  }
  CHECK_FALSE(too_late);
  return !too_late;
}

}  // namespace scpool
