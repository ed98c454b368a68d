// A string that cannot be printed by accident: no stream or format support, one named way out.
// The memory is wiped when it goes.
#pragma once

#include <cstring>
#include <string>
#include <utility>

namespace scpool {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret() { explicit_bzero(value_.data(), value_.size()); }

  bool empty() const { return value_.empty(); }
  // The only way out; every use is a place to look at.
  const std::string& reveal() const { return value_; }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

}  // namespace scpool
