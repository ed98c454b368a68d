// A file descriptor that closes itself unless it was passed on. Extra to the layout because
// listeners, logs and processes need it alike. For the sources of common/io only.
#pragma once

#include <utility>

namespace scpool {

class OpenDescriptor {
 public:
  OpenDescriptor() = default;
  explicit OpenDescriptor(int descriptor) : descriptor_(descriptor) {}
  OpenDescriptor(OpenDescriptor&& other) noexcept : descriptor_(other.pass_on()) {}
  OpenDescriptor& operator=(OpenDescriptor&& other) noexcept {
    reset(other.pass_on());
    return *this;
  }
  ~OpenDescriptor() { reset(); }

  int get() const { return descriptor_; }
  bool valid() const { return descriptor_ >= 0; }
  int pass_on() { return std::exchange(descriptor_, -1); }
  void reset(int descriptor = -1);

 private:
  int descriptor_ = -1;
};

}  // namespace scpool
