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
    candidates[0].recent_bulk = download.note(step * 25'000, now);  // 2 Mbit/s
    candidates[1].recent_bulk = small.note(step * 1'000, now);
  }
  CHECK(candidates[0].recent_bulk > 200'000);
  CHECK(candidates[0].recent_bulk < 300'000);
  for (int round = 0; round < 20; ++round) {
    CHECK(place(candidates, random) == 1);
  }
  now += std::chrono::seconds{2};
  CHECK(download.note(750'000, now) == 0);  // it is over
}

TEST_CASE("what came since somebody asked last counts for the time that has passed") {
  RecentBytes recent;
  const Instant start{std::chrono::seconds{100}};
  CHECK(recent.note(0, start) == 0);
  CHECK(recent.note(600'000, start) == 600'000);  // within the clock's step
  CHECK(recent.note(1'200'000, start + std::chrono::milliseconds{500}) == 900'000);
  CHECK(recent.note(7'200'000, start + std::chrono::milliseconds{60'500}) == 100'000);
}

TEST_CASE("an answer is owed from the first stream on, not for what was sent before") {
  OwedAnswer owed;
  const Instant start{std::chrono::seconds{100}};
  const Duration step = std::chrono::milliseconds{400};
  const Duration long_ago = std::chrono::seconds{9};
  CHECK(owed.note(0, long_ago, start) == Duration::zero());
  CHECK(owed.note(1, long_ago, start) == Duration::zero());
  CHECK(owed.note(2, long_ago + step, start + step) == step);
  CHECK(owed.note(2, Duration::zero(), start + 2 * step) == Duration::zero());  // it has answered
  CHECK(owed.note(0, step, start + 3 * step) == Duration::zero());
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

TEST_CASE("of many connections two are looked at, and the first, whether the path is short") {
  Random random(8);
  int asked = 0;
  const auto candidate_at = [&asked](std::size_t) {
    ++asked;
    return PlacementCandidate{true, 0, 0, {}};
  };
  CHECK(place_stream(64, candidate_at, random).has_value());
  CHECK(asked == 3);
}

std::vector<PlacementCandidate> near_ones(std::size_t count) {
  PlacementCandidate near{true, 0, 0, std::chrono::microseconds{80}};
  near.short_path = true;
  return std::vector<PlacementCandidate>(count, near);
}

TEST_CASE("on a short path requests share the first connection, and only that is looked at") {
  Random random(9);
  std::vector<PlacementCandidate> candidates = near_ones(4);
  candidates[0].streams = 99;
  candidates[0].queued_bytes = 512 * 1024;
  candidates[0].recent_bulk = 64 * 1024;
  candidates[0].unanswered = std::chrono::milliseconds{299};
  int asked = 0;
  const auto candidate_at = [&](std::size_t index) {
    ++asked;
    return candidates[index];
  };
  for (int round = 0; round < 20; ++round) {
    CHECK(place_stream(candidates.size(), candidate_at, random) == 0);
  }
  CHECK(asked == 20);
}

TEST_CASE("on a short path the next connection is shared when the first has enough") {
  Random random(10);
  const auto placed_when_first = [&random](const auto& change) {
    std::vector<PlacementCandidate> candidates = near_ones(4);
    change(candidates[0]);
    return place(candidates, random);
  };
  CHECK(placed_when_first([](PlacementCandidate& first) { first.streams = 100; }) == 1);
  CHECK(placed_when_first([](PlacementCandidate& first) { first.queued_bytes = 512 * 1024 + 1; }) ==
        1);
  CHECK(placed_when_first([](PlacementCandidate& first) { first.recent_bulk = 64 * 1024 + 1; }) ==
        1);
  CHECK(placed_when_first([](PlacementCandidate& first) { first.usable = false; }) == 1);
  CHECK(placed_when_first([](PlacementCandidate& first) {
          first.unanswered = std::chrono::milliseconds{300};
        }) == 1);
}

TEST_CASE("on a short path the better of two takes a stream when every connection has enough") {
  Random random(11);
  std::vector<PlacementCandidate> candidates = near_ones(3);
  for (PlacementCandidate& candidate : candidates) {
    candidate.streams = 100;
  }
  candidates[1].streams = 200;
  std::map<std::size_t, int> chosen;
  for (int round = 0; round < 1000; ++round) {
    ++chosen[place(candidates, random).value()];
  }
  CHECK(chosen[0] > 400);
  CHECK(chosen[1] == 0);
  CHECK(chosen[2] > 400);
}

}  // namespace
}  // namespace scpool::server
