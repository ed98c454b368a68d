// A queue that holds no memory before its first element and little after its last: a thousand idle
// connections have thousands of them. std::deque keeps more than half a kilobyte in each.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace scpool {

template <class T>
class Fifo {
 public:
  bool empty() const { return first_ == items_.size(); }
  std::size_t size() const { return items_.size() - first_; }

  T& front() { return items_[first_]; }
  const T& front() const { return items_[first_]; }
  T& back() { return items_.back(); }
  T& operator[](std::size_t index) { return items_[first_ + index]; }
  const T& operator[](std::size_t index) const { return items_[first_ + index]; }
  auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() const { return items_.end(); }

  void push_back(T item) { items_.push_back(std::move(item)); }

  void pop_front() {
    items_[first_++] = T();
    if (empty()) {
      clear();
    } else if (first_ >= kMostGone && first_ * 2 >= items_.size()) {
      // As many are moved as have gone before: one move for each element on the whole.
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }

  void clear() {
    first_ = 0;
    if (items_.capacity() > kMostKept) {
      items_ = std::vector<T>();  // frees, as = {} would not
    } else {
      items_.clear();
    }
  }

 private:
  static constexpr std::size_t kMostGone = 16;
  static constexpr std::size_t kMostKept = 8;  // elements, when it is empty

  std::vector<T> items_;
  std::size_t first_ = 0;
};

}  // namespace scpool
