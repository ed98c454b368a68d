#include "server/core/placement_policy.hpp"

#include <doctest/doctest.h>

#include <map>
#include <vector>

namespace scpool::server {
namespace {

std::optional<std::size_t> place(const std::vector<PlacementCandidate>& candidates,
                                 Random& random) {
  return place_stream(
      candidates.size(), [&candidates](std::size_t index) { return candidates[index]; }, random);
}

TEST_CASE("only usable connections are chosen") {
  Random random(1);
  std::vector<PlacementCandidate> candidates(3);
  CHECK_FALSE(place(candidates, random).has_value());
  candidates[1].usable = true;
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 1);
  }
}

TEST_CASE("of two the less loaded wins: a stream weighs 64 KiB, then the round trip decides") {
  Random random(2);
  std::vector<PlacementCandidate> candidates(2);
  candidates[0] = {true, 0, 3, std::chrono::milliseconds{1}};
  candidates[1] = {true, 2 * 64 * 1024, 0, std::chrono::milliseconds{9}};
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 1);
  }
  candidates[1].streams = 1;
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 0);
  }
}

TEST_CASE("a stream goes where no download is under way") {
  Random random(5);
  RecentBytes download;
  RecentBytes small;
  Instant now{};
  std::vector<PlacementCandidate> candidates(2, PlacementCandidate{true, 0, 1, {}});
  candidates[1].streams = 3;  // more of them, but they say little
  for (std::uint64_t step = 1; step <= 30; ++step) {
    now += std::chrono::milliseconds{100};
    candidates[0].recent_bytes = download.note(step * 25'000, now);  // 2 Mbit/s
    candidates[1].recent_bytes = small.note(step * 1'000, now);
  }
  CHECK(candidates[0].recent_bytes > 200'000);
  CHECK(candidates[0].recent_bytes < 300'000);
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 1);
  }
  now += std::chrono::seconds{2};
  CHECK(download.note(750'000, now) == 0);  // it is over
}

TEST_CASE("a round trip counts from a millisecond of difference on") {
  Random random(6);
  std::vector<PlacementCandidate> candidates(2);
  candidates[0] = {true, 0, 0, std::chrono::microseconds{80}};
  candidates[1] = {true, 0, 0, std::chrono::microseconds{40}};
  int first = 0;
  for (int round = 0; round < 1000; ++round) {
    first += place(candidates, random) == 0 ? 1 : 0;
  }
  CHECK(first > 400);
  candidates[1].round_trip = std::chrono::microseconds{1080};
  CHECK(place(candidates, random) == 0);
}

TEST_CASE("a connection with more than 8 MiB in flight is the last resort") {
  Random random(3);
  std::vector<PlacementCandidate> candidates(2);
  candidates[0] = {true, 9 * 1024 * 1024, 0, {}};
  candidates[1] = {true, 8 * 1024 * 1024, 255, {}};
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 1);
  }
  candidates[1].usable = false;
  CHECK(place(candidates, random) == 0);
}

TEST_CASE("equal connections share evenly") {
  Random random(4);
  const std::vector<PlacementCandidate> candidates(4, PlacementCandidate{true, 0, 0, {}});
  std::map<std::size_t, int> chosen;
  for (int round = 0; round < 4000; ++round) {
    ++chosen[place(candidates, random).value()];
  }
  for (std::size_t index = 0; index < 4; ++index) {
    CHECK(chosen[index] > 850);
  }
}

TEST_CASE("those that will do share evenly, whatever others there are") {
  Random random(7);
  std::vector<PlacementCandidate> candidates(6, PlacementCandidate{true, 0, 0, {}});
  candidates[0].usable = false;
  candidates[3].usable = false;
  candidates[4].queued_bytes = 9 * 1024 * 1024;
  std::map<std::size_t, int> chosen;
  for (int round = 0; round < 3000; ++round) {
    ++chosen[place(candidates, random).value()];
  }
  CHECK(chosen.size() == 3);
  for (const std::size_t index : {1U, 2U, 5U}) {
    CHECK(chosen[index] > 850);
  }
}

TEST_CASE("of many connections two are looked at") {
  Random random(8);
  int asked = 0;
  const auto candidate_at = [&asked](std::size_t) {
    ++asked;
    return PlacementCandidate{true, 0, 0, {}};
  };
  CHECK(place_stream(64, candidate_at, random).has_value());
  CHECK(asked == 2);
}

}  // namespace
}  // namespace scpool::server
