#include "common/base/bytes.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace scpool;

TEST_CASE("bytes come out of a queue in the order they went in, whatever the cuts") {
  std::string expected;
  ByteQueue queue;
  for (int i = 0; i < 5000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    expected += piece;
    queue.append(piece);
  }
  CHECK(queue.size() == expected.size());
  std::string taken;
  std::size_t step = 1;
  while (!queue.empty()) {
    const std::size_t count = std::min(step, queue.front().size());
    taken += as_text(queue.front().first(count));
    queue.drop(count);
    step = step * 3 % 1013 + 1;
  }
  CHECK(taken == expected);
}

TEST_CASE("splice moves everything, also from a queue whose front was taken in part") {
  ByteQueue from;
  from.append("abcdef");
  from.drop(2);
  from.append(Bytes{'X', 'Y'});
  ByteQueue into;
  into.append("01");
  into.splice(from);
  CHECK(from.empty());
  CHECK(into.to_string() == "01cdefXY");
  into.append("!");
  CHECK(into.to_string() == "01cdefXY!");
  CHECK(into.size() == 9);
}

TEST_CASE("an empty chunk leaves no trace") {
  ByteQueue queue;
  queue.append(Bytes{});
  CHECK(queue.empty());
  CHECK(queue.front().empty());
}

TEST_CASE("gather shows the front in its pieces without taking it") {
  ByteQueue queue;
  std::array<ByteView, 4> parts;
  CHECK(queue.gather(parts) == 0);
  queue.append("abc");
  queue.drop(1);
  queue.append(Bytes{'d', 'e'});
  queue.append(Bytes{'f'});
  REQUIRE(queue.gather(parts) == 3);
  CHECK(as_text(parts[0]) == "bc");
  CHECK(as_text(parts[1]) == "de");
  CHECK(as_text(parts[2]) == "f");
  CHECK(queue.gather(std::span(parts).first(1)) == 1);
  CHECK(queue.size() == 5);
}

TEST_CASE("the front is taken as a chunk of its own, whole or what is left of it") {
  ByteQueue queue;
  queue.append(Bytes{1, 2, 3});
  queue.append(Bytes{4, 5});
  queue.drop(1);
  CHECK(queue.take_front() == Bytes{2, 3});
  CHECK(queue.size() == 2);
  CHECK(queue.take_front() == Bytes{4, 5});
  CHECK(queue.empty());
}
