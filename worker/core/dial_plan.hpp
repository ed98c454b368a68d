// When to try which address of a site: families interleaved by the resolver's order, a new address
// every 250 ms or at once after a failure (RFC 8305 section 5), rounds repeated with a pause. Pure:
// says what to start, is told what failed. A file of its own because it is the decider beneath
// every connection to a site; one per dial, owned by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/time.hpp"

namespace scpool::worker {

struct DialRule {
  std::uint32_t attempts = 3;                         // rounds over all addresses
  Duration backoff = std::chrono::seconds{1};         // between rounds
  Duration timeout = std::chrono::seconds{25};        // of one round; no round follows it
  Duration stagger = std::chrono::milliseconds{250};  // RFC 8305: Connection Attempt Delay
};

class DialPlan {
 public:
  enum class State { Dialing, Exhausted, TimedOut };

  // addresses > 0.
  DialPlan(std::size_t addresses, const DialRule& rule, Instant now);

  // The address to connect to now, by its index, if one is due; ask until there is none. To be
  // asked at the start, after failures, and at next_deadline().
  struct Due {
    bool is_due = false;
    std::size_t address = 0;
  };
  Due take_due(Instant now);
  void failed(Instant now);  // one of those started
  State state(Instant now) const;
  Instant next_deadline() const;
  std::uint32_t round() const { return round_; }  // from 0

 private:
  std::size_t addresses_;
  DialRule rule_;
  std::uint32_t round_ = 0;
  std::size_t next_address_ = 0;
  std::size_t running_ = 0;
  Instant next_start_;
  Instant round_deadline_;
};

}  // namespace scpool::worker
