#include "common/base/id_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "common/base/ids.hpp"
#include "common/base/random.hpp"

namespace scpool {
namespace {

using Table = IdTable<StreamId, int>;

TEST_CASE("an entry is found until it is erased") {
  Table table;
  CHECK(table.find(StreamId{1}) == nullptr);
  CHECK_FALSE(table.erase(StreamId{1}));
  table[StreamId{1}] = 7;
  REQUIRE(table.find(StreamId{1}) != nullptr);
  CHECK(*table.find(StreamId{1}) == 7);
  CHECK(table.size() == 1);
  CHECK(table.erase(StreamId{1}));
  CHECK(table.empty());
  CHECK(table.find(StreamId{1}) == nullptr);
  CHECK(table.begin() == table.end());
}

TEST_CASE("identifiers that follow each other are told apart") {
  Table table;
  for (int id = 1; id <= 64; ++id) {
    table[StreamId{id}] = id;
  }
  CHECK(table.erase(StreamId{17}));
  for (int id = 1; id <= 64; ++id) {
    if (id == 17) {
      continue;
    }
    REQUIRE(table.find(StreamId{id}) != nullptr);
    CHECK(*table.find(StreamId{id}) == id);
  }
  CHECK(table.find(StreamId{17}) == nullptr);
}

TEST_CASE("whatever comes and goes, the table has what a map has") {
  Table table;
  std::map<StreamId, int> expected;
  Random random(20);
  for (int step = 0; step < 20'000; ++step) {
    const StreamId id{static_cast<int>(1 + random.below(1000))};
    if (random.chance(step % 4000 < 2000 ? 0.9 : 0.1)) {
      table[id] = step;
      expected[id] = step;
    } else {
      CHECK(table.erase(id) == (expected.erase(id) == 1));
    }
    const auto known = expected.find(id);
    const int* found = table.find(id);
    REQUIRE((found != nullptr) == (known != expected.end()));
    CHECK((found == nullptr || *found == known->second));
    REQUIRE(table.size() == expected.size());
  }
  std::map<StreamId, int> walked;
  for (const auto& [id, value] : table) {
    walked.emplace(id, value);
  }
  CHECK(walked == expected);
}

TEST_CASE("values that only move are taken out one by one") {
  IdTable<StreamId, std::unique_ptr<int>> table;
  for (int id = 1; id < 100; id += 2) {
    table[StreamId{id}] = std::make_unique<int>(id);
  }
  while (!table.empty()) {
    const auto first = table.begin();
    CHECK(*first->second == first->first.value);
    table.erase(first);
  }
  CHECK(table.size() == 0);
}

}  // namespace
}  // namespace scpool
