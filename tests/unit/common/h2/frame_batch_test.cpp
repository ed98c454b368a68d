#include "common/h2/frame_batch.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/base/spare_chunks.hpp"

using namespace scpool;
using h2::FrameBatch;

namespace {

constexpr std::size_t kTarget = limits::kMaxUnsentBytes;
constexpr std::string_view kHead = "[frame h]";

std::size_t put(Room room, std::string_view text) {
  std::size_t done = 0;
  for (const std::span<std::uint8_t> part : room) {
    const std::size_t count = std::min(part.size(), text.size() - done);
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(done), count, part.begin());
    done += count;
  }
  return done;
}

std::string finished(FrameBatch& batch) {
  return std::string(as_text(batch.finish()));
}

}  // namespace

TEST_CASE("bodies that were put in place stand behind their heads") {
  FrameBatch batch;
  batch.begin(kTarget, false);
  batch.append(as_bytes("before "));
  const Room room = batch.places(10, 4);
  REQUIRE(room.size() == 3);
  CHECK(total_size(room) == 10);
  batch.filled(put(room, "abcdefgh"));
  CHECK(batch.in_place() == 8);
  CHECK(batch.next_in_place() == 4);
  batch.frame(as_bytes(kHead), 4);
  batch.append(as_bytes("-other-"));  // goes in front of what still waits
  batch.frame(as_bytes(kHead), 4);
  CHECK(batch.in_place() == 0);
  batch.append(as_bytes(" after"));
  CHECK(finished(batch) == "before [frame h]abcd-other-[frame h]efgh after");
}

TEST_CASE("a room that is filled in part gives a last frame that is shorter") {
  FrameBatch batch;
  batch.begin(kTarget, false);
  batch.filled(put(batch.places(12, 4), "abcde"));
  batch.frame(as_bytes(kHead), 4);
  CHECK(batch.next_in_place() == 1);
  batch.frame(as_bytes(kHead), 1);
  CHECK(finished(batch) == "[frame h]abcd[frame h]e");
}

TEST_CASE("what waits in place can be taken back, without the gaps") {
  FrameBatch batch;
  batch.begin(kTarget, false);
  batch.append(as_bytes("kept"));
  batch.filled(put(batch.places(12, 5), "abcdefghijk"));
  batch.frame(as_bytes(kHead), 5);
  ByteQueue rest;
  batch.take_back(rest);
  CHECK(rest.to_string() == "fghijk");
  CHECK(batch.in_place() == 0);
  CHECK(finished(batch) == "kept[frame h]abcde");
}

TEST_CASE("a batch begun small grows to its target and keeps what it holds") {
  for (int use = 0; use < 3; ++use) {  // fresh memory, then used memory
    FrameBatch batch;
    batch.begin(kTarget, false);
    batch.append(as_bytes("first"));
    CHECK_FALSE(batch.full());
    const std::string body(limits::kBatchBody - 5, static_cast<char>('a' + use));
    const Room room = batch.places(batch.body_room(), limits::kDataFrame);
    batch.filled(put(room, body));
    std::string expected = "first";
    for (std::size_t at = 0; batch.in_place() > 0; at += limits::kDataFrame) {
      expected += kHead;
      expected += body.substr(at, limits::kDataFrame);
      batch.frame(as_bytes(kHead), batch.next_in_place());
    }
    CHECK(batch.full());
    Bytes chunk = batch.finish();
    CHECK(as_text(chunk) == expected);
    keep_chunk(std::move(chunk));
  }
}

TEST_CASE("a tiny rest of a batch is no room: a record more is") {
  FrameBatch batch;
  batch.begin(20'000, false);
  CHECK(batch.body_room() == 20'000 - 9);
  batch.append(Bytes(19'500, 'x'));
  CHECK(batch.body_room() > 16'000);
  batch.append(Bytes(1'000, 'x'));
  CHECK(batch.full());
  CHECK(batch.body_room() > 16'000);
}
