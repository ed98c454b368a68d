// Ends the workers that a crashed supervisor left and no other has taken back: what the state file
// names and what still is that process. As in a drain: the first signal, after a while the second,
// then KILL. Not in the layout's list: it works when there is no supervisor.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/io/timer.hpp"
#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/worker_kinds.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/worker_process.hpp"

namespace scpool::supervisor {

struct LeftoverRules {
  Duration drain_timeout{};  // zero: do not wait for jobs
  Duration stop_grace{};
};

class Leftovers {
 public:
  // Takes hold of those that live.
  Leftovers(EventLoop& loop,
            const WorkerKind& kind,
            const PoolDirectories& directories,
            const std::string& pool,
            const std::vector<KnownProcess>& processes);
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  std::size_t count() const { return workers_.size(); }
  // `on_ended` when the last one is gone; at once when there is none.
  void end(const LeftoverRules& rules, std::function<void()> on_ended);

 private:
  void note_exit(WorkerId worker);
  void stop();

  EventLoop& loop_;
  std::map<WorkerId, std::unique_ptr<WorkerProcess>> workers_;
  LeftoverRules rules_;
  std::function<void()> on_ended_;
  Timer timer_;
};

}  // namespace scpool::supervisor
