#include "server/core/placement_policy.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>

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

enum class Crowded { No, Yes };

bool is_eligible(const PlacementCandidate& candidate, Crowded crowded) {
  return candidate.usable && (candidate.queued_bytes > kCrowded) == (crowded == Crowded::Yes);
}

std::uint64_t count_eligible(std::span<const PlacementCandidate> candidates, Crowded crowded) {
  return static_cast<std::uint64_t>(
      std::count_if(candidates.begin(), candidates.end(), [crowded](const auto& candidate) {
        return is_eligible(candidate, crowded);
      }));
}

// The index of the eligible one that has so many others in front of it.
std::size_t nth_eligible(std::span<const PlacementCandidate> candidates,
                         Crowded crowded,
                         std::uint64_t others) {
  std::size_t index = 0;
  while (!is_eligible(candidates[index], crowded) || others-- > 0) {
    ++index;
  }
  return index;
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
  Crowded crowded = Crowded::No;
  std::uint64_t count = count_eligible(candidates, crowded);
  if (count == 0) {
    crowded = Crowded::Yes;
    count = count_eligible(candidates, crowded);
  }
  if (count == 0) {
    return std::nullopt;
  }
  const std::uint64_t first = random.below(count);
  const std::size_t one = nth_eligible(candidates, crowded, first);
  if (count == 1) {
    return one;
  }
  // Two different ones.
  std::uint64_t second = random.below(count - 1);
  second += second >= first ? 1U : 0U;
  const std::size_t other = nth_eligible(candidates, crowded, second);
  return cost(candidates[other]) < cost(candidates[one]) ? other : one;
}

}  // namespace scpool::server
