#include "server/core/placement_policy.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <tuple>
#include <vector>

namespace scpool::server {

namespace {

constexpr std::size_t kStreamCost = 64 * 1024;
constexpr std::size_t kCrowded = 8 * 1024 * 1024;

// What a connection that is shared on a short path has at most.
constexpr std::size_t kSharedStreams = 100;
constexpr std::size_t kSharedQueue = 512 * 1024;  // two turns of a carrier's acknowledgement
constexpr std::size_t kSharedBulk = 64 * 1024;
constexpr Duration kSharedSilence = std::chrono::milliseconds{300};

// Round trips that differ by less than this are alike.
constexpr Duration kSameRoundTrip = std::chrono::milliseconds{1};
constexpr double kRecent = 1.0;  // seconds

std::tuple<std::size_t, Duration::rep> cost(const PlacementCandidate& candidate) {
  return {candidate.queued_bytes + candidate.streams * kStreamCost +
              std::min(candidate.recent_bulk, kCrowded),
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

// Two different ones.
std::array<std::size_t, 2> two_below(std::uint64_t count, Random& random) {
  const std::uint64_t first = random.below(count);
  const std::uint64_t second = random.below(count - 1);
  return {first, second + (second >= first ? 1U : 0U)};
}

std::optional<std::size_t> place_among(std::span<const PlacementCandidate> candidates,
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
  if (count == 1) {
    return nth_eligible(candidates, crowded, 0);
  }
  const auto [first, second] = two_below(count, random);
  const std::size_t one = nth_eligible(candidates, crowded, first);
  const std::size_t other = nth_eligible(candidates, crowded, second);
  return cost(candidates[other]) < cost(candidates[one]) ? other : one;
}

bool is_shareable(const PlacementCandidate& candidate) {
  return candidate.usable && candidate.short_path && candidate.streams < kSharedStreams &&
         candidate.queued_bytes <= kSharedQueue && candidate.recent_bulk <= kSharedBulk &&
         candidate.unanswered < kSharedSilence;
}

// Ends with the first one that is usable and not on a short path: neither are the others.
std::optional<std::size_t> place_shared(std::size_t count, const CandidateAt& candidate_at) {
  for (std::size_t index = 0; index < count; ++index) {
    const PlacementCandidate candidate = candidate_at(index);
    if (is_shareable(candidate)) {
      return index;
    }
    if (candidate.usable && !candidate.short_path) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

std::size_t RecentBytes::note(std::uint64_t total, Instant now) {
  const double passed = std::chrono::duration<double>(now - at_).count();
  recent_ *= std::max(0.0, 1.0 - passed / kRecent);
  // Of a longer time nobody knows when they came: its average.
  recent_ += static_cast<double>(total - total_) * (kRecent / std::max(passed, kRecent));
  at_ = now;
  total_ = total;
  return static_cast<std::size_t>(recent_);
}

Duration OwedAnswer::note(std::size_t streams, Duration unanswered, Instant now) {
  if (streams == 0) {
    busy_since_ = now;
  }
  return std::min(unanswered, now - busy_since_);
}

std::optional<std::size_t> place_stream(std::size_t count,
                                        const CandidateAt& candidate_at,
                                        Random& random) {
  if (const std::optional<std::size_t> shared = place_shared(count, candidate_at)) {
    return shared;
  }
  // Two of all, when both will do: as likely as two of those that will do.
  if (count >= 2) {
    const std::array<std::size_t, 2> pair = two_below(count, random);
    const PlacementCandidate one = candidate_at(pair[0]);
    const PlacementCandidate other = candidate_at(pair[1]);
    if (is_eligible(one, Crowded::No) && is_eligible(other, Crowded::No)) {
      return cost(other) < cost(one) ? pair[1] : pair[0];
    }
  }
  std::vector<PlacementCandidate> candidates;
  for (std::size_t index = 0; index < count; ++index) {
    candidates.push_back(candidate_at(index));
  }
  return place_among(candidates, random);
}

}  // namespace scpool::server
