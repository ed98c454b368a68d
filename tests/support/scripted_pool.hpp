// A shell in miniature around a PoolController for unit tests: workers spawn at once, are ready
// after a while, and do what the test tells them. Time moves from deadline to deadline.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "supervisor/core/pool_controller.hpp"
#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {

using namespace std::chrono_literals;

enum class Conduct { Serves, NeverReady, SaysUnready, Silent, IgnoresSignals };

struct ScriptedWorker {
  WorkerId id;
  ConfigHash config;
  Conduct conduct = Conduct::Serves;
  Instant ready_at;
  bool draining = false;
};

class ScriptedPool {
 public:
  explicit ScriptedPool(PoolPolicy policy, PoolRecord record = {}, ConfigHash config = {7})
      : controller({policy, config, std::move(record), 1}) {}

  void start() { tell(PoolStarted{}); }
  void tell(const PoolEvent& event) {
    events.push_back(event);
    settle();
  }
  void run_for(Duration span) {
    const Instant end = now + span;
    while (controller.next_deadline() <= end) {
      now = std::max(now, controller.next_deadline());
      tell(TimerFired{});
    }
    now = end;
    tell(TimerFired{});
  }
  // All that is running, in the order of their start.
  ScriptedWorker* worker(std::uint32_t slot) {
    for (auto it = workers.rbegin(); it != workers.rend(); ++it) {
      if (it->id.slot.value == slot && !it->draining) {
        return &*it;
      }
    }
    return nullptr;
  }
  void end(WorkerId id, const WorkerExit& exit, const std::string& last_line = "") {
    std::erase_if(workers, [&](const ScriptedWorker& each) { return each.id == id; });
    Evidence evidence;
    if (!last_line.empty()) {
      evidence.last_lines.push_back(last_line);
    }
    tell(WorkerExited{id, exit, evidence, classify_exit(our_worker(), exit, evidence)});
  }
  void kill(WorkerId id) { end(id, {WorkerExit::How::Killed, 0, 9, false}); }
  PoolSnapshot view() const { return controller.snapshot(now); }
  std::size_t count(ReasonKind kind) const {
    std::size_t found = 0;
    for (const PoolAction& action : log) {
      const auto* announced = std::get_if<Announce>(&action);
      found += announced != nullptr && announced->reason.kind == kind ? 1U : 0U;
    }
    return found;
  }
  std::size_t starts() const {
    std::size_t found = 0;
    for (const PoolAction& action : log) {
      found += std::holds_alternative<StartWorker>(action) ? 1U : 0U;
    }
    return found;
  }

  PoolController controller;
  Instant now{1h};
  Duration boot_time = 200ms;
  Conduct next_conduct = Conduct::Serves;
  bool drains_at_once = true;
  std::vector<ListedTunnel> foreign;  // shown in lists beside our own
  bool rest_answers = true;
  std::deque<ScriptedWorker> workers;
  std::vector<PoolAction> log;

 private:
  void settle() {
    while (!events.empty()) {
      const PoolEvent event = events.front();
      events.pop_front();
      for (const PoolAction& action : controller.handle(event, now)) {
        log.push_back(action);
        std::visit([this](const auto& todo) { perform(todo); }, action);
      }
    }
  }
  ScriptedWorker* find(WorkerId id) {
    for (ScriptedWorker& each : workers) {
      if (each.id == id) {
        return &each;
      }
    }
    return nullptr;
  }
  static TunnelId tunnel_of(WorkerId id) { return {"t" + to_text(id)}; }

  void perform(const StartWorker& todo) {
    workers.push_back({todo.worker, todo.config, next_conduct, now + boot_time, false});
    events.push_back(WorkerSpawned{todo.worker});
  }
  void perform(const DrainWorker& todo) {
    if (ScriptedWorker* one = find(todo.worker); one && one->conduct != Conduct::IgnoresSignals) {
      one->draining = true;
      if (drains_at_once) {
        leave(todo.worker, {WorkerExit::How::Exited, 0, 0, false});
      }
    }
  }
  void perform(const SignalWorker& todo) {
    const ScriptedWorker* one = find(todo.worker);
    if (one == nullptr) {
      return;
    }
    if (todo.signal == WorkerSignal::Kill) {
      leave(todo.worker, {WorkerExit::How::Killed, 0, 9, false});
    } else if (one->conduct != Conduct::IgnoresSignals) {
      leave(todo.worker, {WorkerExit::How::Exited, 0, 0, false});
    }
  }
  void leave(WorkerId id, const WorkerExit& exit) {
    std::erase_if(workers, [&](const ScriptedWorker& each) { return each.id == id; });
    events.push_back(WorkerExited{id, exit, {}, classify_exit(our_worker(), exit, {})});
  }
  void perform(const ProbeWorker& todo) {
    const ScriptedWorker* one = find(todo.worker);
    if (one == nullptr || one->conduct == Conduct::Silent) {
      events.push_back(ProbeFailed{todo.worker, "no answer"});
      return;
    }
    ProbeAnswered answer;
    answer.worker = todo.worker;
    answer.tunnel = tunnel_of(todo.worker);
    answer.ready = one->conduct == Conduct::Serves && !one->draining && now >= one->ready_at;
    events.push_back(answer);
  }
  void perform(const ListTunnels& /*todo*/) {
    if (!rest_answers) {
      events.push_back(RestFailed{"504"});
      return;
    }
    RestListed list{foreign};
    for (const ScriptedWorker& each : workers) {
      list.tunnels.push_back({tunnel_of(each.id), now >= each.ready_at, true, false, each.id});
    }
    events.push_back(list);
  }
  void perform(const DeleteTunnel& todo) { events.push_back(TunnelDeleted{todo.tunnel}); }
  void perform(const WriteState& /*todo*/) {}
  void perform(const Announce& /*todo*/) {}
  void perform(const FinishShutdown& /*todo*/) {}

  std::deque<PoolEvent> events;
};

}  // namespace scpool::supervisor
