// How far a tunnel connection has come with its canary and its drain. Values of the pump; extra to
// the layout because its header holds no more.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/ids.hpp"
#include "common/base/time.hpp"

namespace scpool {

struct CanaryProgress {
  std::optional<StreamId> stream;
  int failures = 0;
  std::optional<Instant> last;
  Instant next = kNever;
};

struct DrainProgress {
  Instant deadline = kNever;
  std::uint64_t ping = 0;  // its answer allows the final GOAWAY
  bool forced = false;     // its deadline has passed
  bool final_goaway = false;
  bool peer_drained = false;
};

}  // namespace scpool
