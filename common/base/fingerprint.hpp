// A short number for a sequence of texts, to see that something changed (FNV-1a, 64 bits). Hides
// nothing and withstands nobody.
#pragma once

#include <cstdint>
#include <string_view>

namespace scpool {

class Fingerprint {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    value_ = (value_ ^ 0xffU) * 0x100000001b3ULL;  // the end of a part
  }
  // Never 0: that means "none".
  std::uint64_t get() const { return value_ == 0 ? 1 : value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace scpool
