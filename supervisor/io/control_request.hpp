// The commands of the control socket as values: path and JSON body to one of the pool's events, and
// the JSON of their answers. No I/O. Not in the layout's list: it keeps JSON out of the socket.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/io/pool_front.hpp"

namespace scpool::supervisor {

struct ControlRequest {
  PoolEvent event;  // unless `reload`, `upgrade` or `stop`
  std::optional<StopUrgency> stop;
  std::optional<Duration> limit;  // with `stop`
  bool reload = false;
  std::optional<UpgradeOrder> upgrade;
  std::vector<SlotIndex> slots;  // that must be there
  std::string done;              // what to answer
};

// Of a command that changes nothing; `body` as for the command that does.
Result<PlanWish> parse_plan_wish(const std::string& what, const std::string& body, Instant now);

// NotFound: no such command. Invalid: the body does not fit it; the sentence says what would.
Result<ControlRequest> parse_control_request(const std::string& path,
                                             const std::string& body,
                                             Instant now);

std::string message_json(const std::string& message);
}  // namespace scpool::supervisor
