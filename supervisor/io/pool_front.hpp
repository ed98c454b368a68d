// What the APIs may ask of the supervisor: facts for everybody, commands for the control socket.
// Implemented by the supervisor; exists so that io/ does not know it. Not in the layout's list.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "supervisor/core/event_journal.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {

class PoolFront {
 public:
  PoolFront() = default;
  PoolFront(const PoolFront&) = delete;
  PoolFront& operator=(const PoolFront&) = delete;

  virtual StatusReport report() const = 0;
  virtual std::string explain(SlotIndex slot) const = 0;  // empty: no such slot
  virtual const EventJournal& journal() const = 0;
  virtual std::string configuration_text() const = 0;  // secrets hidden
  virtual Instant now() const = 0;

  virtual void command(PoolEvent event) = 0;
  // Drains, and after `limit` does not wait any longer.
  virtual void go_down(StopUrgency urgency, std::optional<Duration> limit) = 0;
  // Reads the configuration again. Invalid: nothing changed, and why. Otherwise what was done.
  virtual Result<std::string> reload() = 0;

 protected:
  ~PoolFront() = default;
};

}  // namespace scpool::supervisor
