#include "common/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace scpool {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "check failed: %s at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace scpool
