// What the APIs may ask of the supervisor: facts for everybody, commands for the control socket.
// Implemented by the supervisor; exists so that io/ does not know it. Not in the layout's list.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "supervisor/core/event_journal.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/status_report.hpp"
#include "supervisor/io/upgrade_report.hpp"

namespace scpool::supervisor {

// Of which `plan` is asked.
struct PlanWish {
  enum class What { Restart, Reload, Scale };
  What what = What::Restart;
  std::uint32_t size = 0;  // with Scale
  RestartRequested restart;
};

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
  // What it would do, as JSON. Invalid: the configuration is wrong, and why.
  virtual Result<std::string> plan(const PlanWish& wish) = 0;
  // Begins to exchange the supervisor's program. Invalid: not now, and why.
  virtual Result<void> upgrade(const UpgradeOrder& order) = 0;
  virtual UpgradeReport upgrade_report() const = 0;

 protected:
  ~PoolFront() = default;
};

}  // namespace scpool::supervisor
