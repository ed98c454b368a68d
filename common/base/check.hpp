// Invariant checks that stay in release builds. A failed check is a bug of ours: the process says
// where and aborts, because something above restarts it. Never used for bad input.
#pragma once

namespace scpool {

// Prints "check failed: EXPR at FILE:LINE" on stderr and aborts.
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace scpool

#define SCPOOL_CHECK(expression)                               \
  do {                                                         \
    if (!(expression)) {                                       \
      ::scpool::check_failed(#expression, __FILE__, __LINE__); \
    }                                                          \
  } while (false)
