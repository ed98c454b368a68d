#include "common/io/open_descriptor.hpp"

#include <unistd.h>

namespace scpool {

void OpenDescriptor::reset(int descriptor) {
  const int old = std::exchange(descriptor_, descriptor);
  if (old >= 0 && old != descriptor) {
    ::close(old);
  }
}

}  // namespace scpool
