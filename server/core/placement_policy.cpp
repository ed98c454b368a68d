#include "server/core/placement_policy.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <vector>

namespace scpool::server {

namespace {

constexpr std::size_t kStreamCost = 64 * 1024;
constexpr std::size_t kCrowded = 8 * 1024 * 1024;

// Round trips that differ by less than this are alike.
constexpr Duration kSameRoundTrip = std::chrono::milliseconds{1};
constexpr double kRecent = 1.0;  // seconds

std::tuple<std::size_t, Duration::rep> cost(const PlacementCandidate& candidate) {
  return {candidate.queued_bytes + candidate.streams * kStreamCost +
              std::min(candidate.recent_bytes, kCrowded),
          candidate.round_trip / kSameRoundTrip};
}

}  // namespace

std::size_t RecentBytes::note(std::uint64_t total, Instant now) {
  const double passed = std::chrono::duration<double>(now - at_).count();
  recent_ *= std::max(0.0, 1.0 - passed / kRecent);
  recent_ += static_cast<double>(total - total_);
  at_ = now;
  total_ = total;
  return static_cast<std::size_t>(recent_);
}

std::optional<std::size_t> place_stream(std::span<const PlacementCandidate> candidates,
                                        Random& random) {
  std::vector<std::size_t> free;
  std::vector<std::size_t> crowded;
  for (std::size_t index = 0; index < candidates.size(); ++index) {
    if (candidates[index].usable) {
      (candidates[index].queued_bytes > kCrowded ? crowded : free).push_back(index);
    }
  }
  const std::vector<std::size_t>& choice = free.empty() ? crowded : free;
  if (choice.empty()) {
    return std::nullopt;
  }
  const auto first = static_cast<std::size_t>(random.below(choice.size()));
  if (choice.size() == 1) {
    return choice[first];
  }
  // Two different ones.
  auto second = static_cast<std::size_t>(random.below(choice.size() - 1));
  second += second >= first ? 1U : 0U;
  const std::size_t one = choice[first];
  const std::size_t other = choice[second];
  return cost(candidates[other]) < cost(candidates[one]) ? other : one;
}

}  // namespace scpool::server
