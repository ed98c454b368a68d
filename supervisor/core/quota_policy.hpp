// How many tunnels the account still allows, learned from refusals: nobody tells the limit, and
// others share it. Decides whether one more worker is worth a try.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/random.hpp"
#include "supervisor/core/pool_policy.hpp"

namespace scpool::supervisor {

class QuotaPolicy {
 public:
  // A worker was refused while `others` workers of ours held or were making tunnels.
  void refused(std::uint32_t others, const PoolPolicy& policy, Instant now, Random& random);
  // A worker became ready; `total` workers of ours hold tunnels now, it included.
  void accepted(std::uint32_t total);
  void forget() { limit_.reset(); }

  // One more worker beside `total` of ours.
  bool may_add(std::uint32_t total, Instant now) const;
  // The limit that is believed in, until retry_at.
  std::optional<std::uint32_t> limit() const { return limit_; }
  Instant retry_at() const { return retry_at_; }

 private:
  std::optional<std::uint32_t> limit_;
  std::uint32_t refusals_ = 0;  // in a row
  Instant retry_at_;
};

}  // namespace scpool::supervisor
