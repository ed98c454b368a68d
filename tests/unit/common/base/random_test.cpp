#include "common/base/random.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace scpool;

TEST_CASE("the same seed gives the same numbers") {
  Random left(42);
  Random right(42);
  for (int i = 0; i < 100; ++i) {
    CHECK(left.next() == right.next());
  }
}

TEST_CASE("chance meets its probability") {
  Random random(1);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    hits += random.chance(0.25) ? 1 : 0;
  }
  CHECK(hits > 2300);
  CHECK(hits < 2700);
  CHECK_FALSE(random.chance(0.0));
  CHECK(random.chance(1.0));
}

TEST_CASE("identifiers are hexadecimal, of the asked length and never alike") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = random_hex(16);
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(seen.insert(id).second);
  }
}
