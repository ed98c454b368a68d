#include "common/base/fifo.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>

#include "common/base/random.hpp"

using namespace scpool;

TEST_CASE("a fifo gives back in order what it was given, however long it was") {
  Fifo<int> fifo;
  std::deque<int> expected;
  Random random(7);
  int next = 0;
  for (int step = 0; step < 20'000; ++step) {
    // Grows for a while, then shrinks for a while.
    const bool growing = (step / 500) % 2 == 0;
    if (expected.empty() || random.below(10) < (growing ? 7U : 3U)) {
      fifo.push_back(next);
      expected.push_back(next);
      ++next;
    } else {
      REQUIRE(fifo.front() == expected.front());
      fifo.pop_front();
      expected.pop_front();
    }
    REQUIRE(fifo.size() == expected.size());
    REQUIRE(fifo.empty() == expected.empty());
    if (!expected.empty()) {
      REQUIRE(fifo.back() == expected.back());
      REQUIRE(fifo[fifo.size() / 2] == expected[expected.size() / 2]);
    }
  }
  CHECK(std::deque<int>(fifo.begin(), fifo.end()) == expected);
}

namespace {

struct Counted {
  explicit Counted(int& living) : count(living) { ++count; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count; }
  int& count;
};

}  // namespace

TEST_CASE("an element that left a fifo is gone at once") {
  int living = 0;
  Fifo<std::unique_ptr<Counted>> fifo;
  for (int i = 0; i < 3; ++i) {
    fifo.push_back(std::make_unique<Counted>(living));
  }
  fifo.pop_front();
  CHECK(living == 2);
  fifo.clear();
  CHECK(living == 0);
  CHECK(fifo.empty());
}
