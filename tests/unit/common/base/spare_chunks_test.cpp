#include "common/base/spare_chunks.hpp"

#include <doctest/doctest.h>

using namespace scpool;

TEST_CASE("a chunk is empty and as large as asked, new or used before") {
  for (const std::size_t capacity : {std::size_t{512},
                                     kLittleChunk,
                                     kLittleChunk + 1,
                                     kSmallChunk,
                                     kSmallChunk + 1,
                                     std::size_t{65'600},
                                     std::size_t{147'456}}) {
    for (int use = 0; use < 100; ++use) {
      Bytes chunk = take_chunk(capacity);
      CHECK(chunk.empty());
      CHECK(chunk.capacity() >= capacity);
      chunk.assign(capacity, 'x');
      keep_chunk(std::move(chunk));
    }
  }
}

TEST_CASE("what passed through used chunks is what was put in") {
  ByteQueue queue;
  for (int round = 0; round < 50; ++round) {
    const std::string text(static_cast<std::size_t>(round) * 1777 + 1,
                           static_cast<char>('a' + round % 26));
    queue.append(text);
    Bytes large = take_chunk(100'000);
    large.assign(70'000, static_cast<std::uint8_t>(round));
    queue.append(std::move(large));
    CHECK(queue.to_string() == text + std::string(70'000, static_cast<char>(round)));
    while (!queue.empty()) {
      queue.drop(queue.front().size());
    }
  }
}
