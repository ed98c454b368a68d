// The second shell of the PoolController: a world of workers, a server, a disk and a network in
// which a seed decides what breaks and when. After every event the rules that always hold are
// checked; when the faults have ended the pool has to reach its target. Time jumps from event to
// event.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <ostream>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "supervisor/core/pool_controller.hpp"
#include "supervisor/core/worker_kinds.hpp"
#include "tests/simulation/pool_rules.hpp"

namespace scpool::simulation {

using namespace std::chrono_literals;

struct SimulationPlan {
  std::uint64_t seed = 1;
  Duration span = 7 * 24h;
  std::ostream* trace = nullptr;  // every event and action, when wanted
};

struct SimulationReport {
  std::string failure;  // empty: every rule held
  Instant failed_at;
  std::uint64_t events = 0;
  std::uint64_t starts = 0;
  std::uint64_t faults = 0;
  std::uint64_t supervisor_deaths = 0;
  std::uint64_t rollouts_done = 0;
  std::uint64_t rollouts_stopped = 0;
  std::uint64_t upgrades = 0;
  RuleCounts tested{};          // how often each rule was put to the test
  Duration slowest_recovery{};  // from the end of the faults to full strength
};

SimulationReport simulate_pool(const SimulationPlan& plan);

// One worker process, as the world knows it.
struct SimulatedWorker {
  WorkerId id;
  supervisor::ConfigHash config;
  Instant started_at;
  bool alive = true;
  bool registered = false;  // has a tunnel
  bool ready = false;
  bool hung = false;     // stopped: answers nothing, hears only KILL
  bool deaf = false;     // hears only KILL, but serves
  bool leaving = false;  // was asked to go
  bool stuck = false;    // even KILL takes minutes
  std::uint32_t signals = 0;
  Instant unready_until;
  Instant hung_since;
  std::optional<Instant> went_on;  // after it hung
  Instant leaving_since;
  std::uint64_t memory = 1;
  std::uint32_t believed_ready = 0;  // what the supervisor was told last
  bool told_ready = false;           // by its last answer
  bool listed_ready = false;         // in the last list
};

struct SimulatedTunnel {
  TunnelId id;
  WorkerId worker;
  Instant ready_at;
};

enum class Happening {
  Registers,
  GetsReady,
  Exits,
  ExitsWith,
  KilledAtLast,
  ProbeTimesOut,
  RestTimesOut,
  Fault,
  OutageEnds,
  RestBack,
  QuotaBack,
  DiskBack,
  SupervisorReturns,
  Thaw,
  FaultsEnd,
  OperatorResumes,
};

struct Upcoming {
  Instant at;
  std::uint64_t order;
  Happening what;
  std::uint64_t generation;  // of the worker it is about
  int detail;
};
struct Later {
  bool operator()(const Upcoming& left, const Upcoming& right) const {
    return left.at != right.at ? left.at > right.at : left.order > right.order;
  }
};

class SimulatedPool {
 public:
  explicit SimulatedPool(const SimulationPlan& plan);
  SimulationReport run();

 private:
  using Policy = supervisor::PoolPolicy;

  // The world (simulated_world.cpp).
  void happen(const Upcoming& upcoming);
  void boot(SimulatedWorker& worker);
  void register_tunnel(SimulatedWorker& worker);
  void exit_worker(SimulatedWorker& worker, int code, int signal, const char* line);
  void hear_signal(SimulatedWorker& worker);
  void break_something();
  void break_worker(SimulatedWorker& worker);
  void break_surroundings();
  void command_something();
  void heal();
  void kill_supervisor(Duration away);
  void start_supervisor(const supervisor::PoolRecord& record);
  void replace_supervisor();
  SimulatedWorker* worker_of(std::uint64_t generation);
  SimulatedWorker* any_worker();
  void hang(SimulatedWorker& worker);
  bool is_bad(supervisor::ConfigHash config) const { return config.value % 4 == 3; }
  bool serves(const SimulatedWorker& worker) const;
  std::uint32_t tunnels() const;
  void later(Duration delay, Happening what, std::uint64_t generation = 0, int detail = 0);
  Duration between(Duration low, Duration high) { return low + random_.up_to(high - low); }

  // The shell (simulated_pool.cpp).
  void tell(supervisor::PoolEvent event) { inbox_.push_back(std::move(event)); }
  void deliver();
  void handle(const supervisor::PoolEvent& event);
  void perform(const supervisor::StartWorker& todo);
  void perform(const supervisor::DrainWorker& todo);
  void perform(const supervisor::SignalWorker& todo);
  void perform(const supervisor::ProbeWorker& todo);
  void perform(const supervisor::ListTunnels& todo);
  void perform(const supervisor::DeleteTunnel& todo);
  void perform(const supervisor::WriteState& todo);
  void perform(const supervisor::Announce& todo);
  void perform(const supervisor::FinishShutdown& todo);
  void note(const std::string& line);
  void describe(const supervisor::PoolEvent& event);
  void describe(const supervisor::PoolAction& action);

  // The rules (pool_rules.cpp).
  void hear(const supervisor::PoolEvent& event);
  void check_after_event(const supervisor::PoolEvent& event,
                         const supervisor::PoolActions& actions);
  void check_standing(const supervisor::PoolSnapshot& view);
  void check_processes(const supervisor::PoolSnapshot& view);
  void check_rollout(const supervisor::PoolSnapshot& view, const supervisor::PoolActions& actions);
  void check_readiness(const supervisor::PoolActions& actions);
  void check_vacancies(const supervisor::PoolSnapshot& view);
  void check_deadlines(const supervisor::PoolSnapshot& view);
  void check_foreign(const supervisor::PoolEvent& event, const supervisor::PoolActions& actions);
  void check_adoption(const supervisor::PoolSnapshot& view);
  void check_pool_cause(const supervisor::PoolSnapshot& view,
                        const supervisor::PoolActions& actions);
  void check_reasons(const supervisor::PoolEvent& event,
                     const supervisor::PoolSnapshot& view,
                     const supervisor::PoolActions& actions);
  void check_silence(const SimulatedWorker& worker, const supervisor::PoolSnapshot& view);
  void check_step(const SimulatedWorker& worker,
                  const supervisor::Reason& reason,
                  const supervisor::PoolSnapshot& view);
  void check_age(SlotIndex slot);
  void check_wish(const SimulatedWorker& old);
  bool decided_to_leave(WorkerId id) const;
  void check_start(const supervisor::StartWorker& todo);
  void check_departure(const SimulatedWorker& worker, const supervisor::Reason& reason);
  void check_target();
  void check_nothing_left();
  void broken(const std::string& rule);
  // One application of a rule; `detail` makes the sentence of its breach.
  template <class Detail>
  void rule(std::size_t number, bool holds, Detail detail) {
    ++report_.tested.at(number - 1);
    if (!holds) {
      broken("rule " + std::to_string(number) + ", " + std::string(kRuleSentences.at(number - 1)) +
             ": " + detail());
    }
  }

  SimulationPlan plan_;
  Random random_;
  SimulationReport report_;
  Instant now_{1h};
  Instant end_;
  Instant quiet_from_;

  Policy policy_;
  supervisor::ConfigHash config_{1};
  std::uint32_t wished_size_ = 0;
  std::uint32_t largest_size_ = 0;
  std::unique_ptr<supervisor::PoolController> controller_;
  supervisor::PoolRecord disk_;
  supervisor::PoolRecord shadow_;  // the record as of the last WriteState, full disk or not
  std::deque<supervisor::PoolEvent> inbox_;
  int actions_until_death_ = -1;
  Duration death_lasts_{};
  Instant supervisor_since_;
  bool shutting_down_ = false;
  bool shut_down_ = false;

  std::vector<SimulatedWorker> workers_;
  std::vector<SimulatedTunnel> tunnels_;
  std::vector<SimulatedTunnel> foreign_;
  std::priority_queue<Upcoming, std::vector<Upcoming>, Later> agenda_;
  std::uint64_t order_ = 0;
  std::uint64_t last_generation_ = 0;
  bool network_up_ = true;
  bool rest_up_ = true;
  bool key_valid_ = true;
  bool disk_full_ = false;
  bool faults_ended_ = false;
  Duration fault_period_{};
  std::uint32_t quota_ = 1000;
  bool quota_was_tight_ = false;
  Instant full_since_ = kNever;
  Instant handled_at_;
  std::uint32_t handled_here_ = 0;
  bool written_in_batch_ = false;
  std::uint32_t killed_for_silence_ = 0;  // in this batch
  std::uint32_t retired_for_age_ = 0;     // in this batch
  std::uint64_t explained_ = 0;
  std::set<std::string> reported_foreign_;  // to the supervisor that runs
  Instant last_wish_;                       // of a rolling restart
  supervisor::RolloutSnapshot last_rollout_;
  std::uint32_t last_ready_ = 0;
  bool had_pool_cause_ = false;
};

}  // namespace scpool::simulation
