// The shell around PoolController: queues events, asks, performs the actions, re-arms one timer,
// and writes one log line and one journal entry per action and reason. Owns the worker processes,
// the probes, the REST calls and the state file. Decides nothing about the pool.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/io/event_loop.hpp"
#include "common/io/http_client.hpp"
#include "common/io/log.hpp"
#include "common/io/timer.hpp"
#include "supervisor/core/pool_controller.hpp"
#include "supervisor/io/event_file.hpp"
#include "supervisor/io/pool_front.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/worker_probe.hpp"
#include "supervisor/io/worker_process.hpp"
#include "supervisor/supervisor_setup.hpp"

namespace scpool::supervisor {

class Supervisor final : public PoolFront {  // NOLINT(cppcoreguidelines-virtual-class-destructor)
 public:
  using ReadFor = SupervisorSetup::ReadFor;
  using Setup = SupervisorSetup;
  struct Events {
    std::function<void(const JournalEntry&)> on_entry;
    std::function<void()> on_changed;   // after each turn in which something was done
    std::function<void()> on_finished;  // every worker is gone; destroys nothing
  };

  Supervisor(EventLoop& loop, Log& log, Setup setup, Events events);
  ~Supervisor() = default;

  // Takes leftover workers back or notes their end, then lets the pool begin.
  void start();
  // After logs were rotated from outside: our own log and every worker's.
  void reopen_logs();
  // A slot that no waiting will mend, in a sentence: a start that shows one has failed.
  std::optional<std::string> permanent_failure() const;

  const PoolConfig& config() const { return setup_.config; }
  // All that another program of this process has to know of the pool.
  void describe(Handover& handover) const;
  // How an exchange of programs went.
  void note_upgrade(const UpgradeReport& report);

  PoolSnapshot snapshot() const;
  StatusReport report() const override;
  std::string explain(SlotIndex slot) const override;
  const EventJournal& journal() const override { return journal_; }
  std::string configuration_text() const override { return setup_.configuration_text; }
  Instant now() const override { return loop_.now(); }
  void command(PoolEvent event) override { submit(std::move(event)); }
  void go_down(StopUrgency urgency, std::optional<Duration> limit) override;
  Result<std::string> reload() override;
  Result<std::string> plan(const PlanWish& wish) override;
  Result<void> upgrade(const UpgradeOrder& order) override { return setup_.upgrade(order); }
  UpgradeReport upgrade_report() const override { return setup_.upgrade_report(); }

 private:
  struct Performer;

  void take_back(const KnownProcess& known);
  void take_back_unrecorded();
  void submit(PoolEvent event);
  // With all that happens in the same turn of the loop: one decision's state is written once.
  void submit_with_turn(PoolEvent event);
  void pump();
  PoolActions decide();
  void perform(const PoolAction& action);
  void note(JournalEntry entry);
  void note_strength();
  void start_worker(const StartWorker& action);
  void note_exit(WorkerId worker,
                 const WorkerKind& kind,
                 const WorkerExit& exit,
                 const Evidence& evidence);
  void probe(WorkerId worker);
  void count_jobs();
  StoredState stored_state() const;
  void write_state();
  ConfigHash hash_of(const LaunchConfig& launch) const;
  std::string program_mark(const PoolConfig& config) const;
  void look_at_program();
  void sync_state();
  void keep_logs();
  WorkerProcess* find(WorkerId worker) const;
  Result<std::unique_ptr<WorkerProcess>> spawn(WorkerId worker, const LaunchConfig& launch);
  const LaunchConfig& launch_config(ConfigHash hash) const;

  EventLoop& loop_;
  Log& log_;
  Setup setup_;
  Events events_;
  WallTime started_at_;
  EventFile event_file_;
  EventJournal journal_;
  bool events_kept_ = true;
  PoolFigures figures_;
  StateFile state_file_;
  HttpClient client_;
  WorkerProbe probe_;
  TunnelDirectory tunnels_;
  std::map<ConfigHash, LaunchConfig> launch_configs_;  // all since the start: few and small
  ConfigHash computed_at_takeover_{};                  // 0: nothing was taken over
  ConfigHash current_config_;
  PoolController controller_;
  std::map<WorkerId, std::unique_ptr<WorkerProcess>> workers_;
  std::map<WorkerId, std::uint32_t> counted_jobs_;  // of those whose program does not tell
  std::deque<PoolEvent> queue_;
  bool pumping_ = false, begins_ = true, finished_ = false;
  TurnEnd turn_end_;
  DeadlineTimer wake_;
  Timer stop_limit_;
  Timer log_timer_;
  Timer program_timer_;
  std::string last_mark_;  // of the workers' program
  Timer sync_timer_;
};

}  // namespace scpool::supervisor
