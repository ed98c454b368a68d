#include "supervisor/core/plan_preview.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/pool_config.hpp"
#include "supervisor/core/pool_controller.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr Duration kHorizon = 24h;
constexpr std::size_t kMostTurns = 200'000;

// The world as one hopes it to be.
class Forecast {
 public:
  explicit Forecast(const PreviewQuestion& question)
      : question_(question),
        controller_({question.pool.policy, question.pool.config, question.pool.record, 1}),
        now_(question.pool.now) {}

  Preview run() {
    for (const WorkerRecord& record : question_.pool.record.workers) {
      const auto& living = question_.pool.living;
      if (std::find(living.begin(), living.end(), record.worker) == living.end()) {
        continue;
      }
      const bool ready = record.state != WorkerState::Unhealthy;
      workers_[record.worker] = {ready ? now_ : kNever, record.tunnel};
      tell(WorkerAdopted{record.worker, record.started_at, record.config});
    }
    tell(PoolStarted{});
    result_.ready_before = controller_.snapshot(now_).ready;
    result_.lowest_ready = result_.ready_before;
    wished_at_ = now_;
    watching_ = true;
    tell(question_.wish);
    advance();
    result_.size = controller_.snapshot(now_).size;
    return std::move(result_);
  }

 private:
  struct Worker {
    Instant ready_at;
    TunnelId tunnel;
  };

  void tell(PoolEvent event) {
    events_.push_back(std::move(event));
    while (!events_.empty()) {
      const PoolEvent next = std::move(events_.front());
      events_.pop_front();
      for (const PoolAction& action : controller_.handle(next, now_)) {
        std::visit([this](const auto& todo) { perform(todo); }, action);
      }
      note_capacity();
    }
  }

  void advance() {
    for (std::size_t turn = 0; turn < kMostTurns && !at_rest(); ++turn) {
      Instant next = controller_.next_deadline();
      if (next == kNever || next > wished_at_ + kHorizon) {
        break;
      }
      now_ = std::max(now_, next);
      tell(TimerFired{});
    }
    result_.comes_to_rest = at_rest();
  }

  bool at_rest() const {
    const PoolSnapshot view = controller_.snapshot(now_);
    const bool all_stay =
        std::all_of(view.workers.begin(), view.workers.end(), [](const WorkerSnapshot& worker) {
          return is_active(worker.state) && worker.state != WorkerState::Starting &&
                 !worker.replacement;
        });
    return view.rollout.state == RolloutState::Idle && all_stay && view.active == view.size;
  }

  void note_capacity() {
    if (!watching_) {
      return;
    }
    const PoolSnapshot view = controller_.snapshot(now_);
    result_.lowest_ready = std::min(result_.lowest_ready, view.ready);
    result_.most_workers = std::max(result_.most_workers, view.active);
  }

  void note_step(bool starts, WorkerId worker, const Reason& reason) {
    if (watching_) {
      result_.steps.push_back({now_ - wished_at_, starts, worker, reason});
      result_.takes = now_ - wished_at_;
    }
  }

  void leave(WorkerId worker) {
    if (workers_.erase(worker) > 0) {
      events_.push_back(
          WorkerExited{worker, {WorkerExit::How::Exited, 0, 0, false}, {}, ExitCause::Asked});
    }
  }

  void perform(const StartWorker& todo) {
    note_step(true, todo.worker, todo.reason);
    workers_[todo.worker] = {now_ + question_.start_time, TunnelId{"t" + to_text(todo.worker)}};
    events_.push_back(WorkerSpawned{todo.worker});
  }
  void perform(const DrainWorker& todo) {
    if (workers_.contains(todo.worker)) {
      note_step(false, todo.worker, todo.reason);
    }
    leave(todo.worker);
  }
  void perform(const SignalWorker& todo) { leave(todo.worker); }
  void perform(const ProbeWorker& todo) {
    const auto found = workers_.find(todo.worker);
    if (found == workers_.end()) {
      return;
    }
    ProbeAnswered answer;
    answer.worker = todo.worker;
    answer.ready = now_ >= found->second.ready_at;
    answer.connected = answer.ready;
    answer.tunnel = found->second.tunnel;
    events_.push_back(answer);
  }
  void perform(const ListTunnels&) {
    RestListed listed;
    for (const auto& [id, worker] : workers_) {
      ListedTunnel tunnel;
      tunnel.id = worker.tunnel;
      tunnel.is_ready = now_ >= worker.ready_at;
      tunnel.worker = id;
      listed.tunnels.push_back(tunnel);
    }
    events_.push_back(std::move(listed));
  }
  void perform(const DeleteTunnel& todo) { events_.push_back(TunnelDeleted{todo.tunnel}); }
  void perform(const WriteState&) {}
  void perform(const Announce&) {}
  void perform(const FinishShutdown&) {}

  const PreviewQuestion& question_;
  PoolController controller_;
  Instant now_;
  Instant wished_at_;
  bool watching_ = false;
  std::map<WorkerId, Worker> workers_;
  std::deque<PoolEvent> events_;
  Preview result_;
};

// "key: value   # origin" to key and value.
std::map<std::string, std::string> settings_of(std::string_view text) {
  std::map<std::string, std::string> settings;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) {
      continue;
    }
    const std::string_view rest = line.substr(colon + 2);
    const std::size_t origin = rest.rfind("   # ");
    settings[std::string(line.substr(0, colon))] = std::string(rest.substr(0, origin));
  }
  return settings;
}

double seconds(Duration duration) {
  return static_cast<double>(duration / std::chrono::milliseconds{100}) / 10.0;
}

}  // namespace

Preview preview(const PreviewQuestion& question) {
  return Forecast(question).run();
}

std::vector<ChangedSetting> changed_settings(std::string_view from, std::string_view to) {
  std::vector<ChangedSetting> changed;
  std::map<std::string, std::string> before = settings_of(from);
  for (const auto& [key, value] : settings_of(to)) {
    if (before[key] != value) {
      changed.push_back({key, before[key], value, needs_new_workers(key)});
    }
  }
  return changed;
}

std::string preview_json(const Preview& preview, const std::vector<ChangedSetting>& changed) {
  Json steps = Json::array();
  for (const PreviewStep& step : preview.steps) {
    steps.push_back({{"after_s", seconds(step.after)},
                     {"do", step.starts ? "start" : "drain"},
                     {"slot", step.worker.slot.value},
                     {"generation", step.worker.generation.value},
                     {"reason", to_text(step.reason)}});
  }
  Json settings = Json::array();
  for (const ChangedSetting& each : changed) {
    settings.push_back({{"key", each.key},
                        {"from", each.from},
                        {"to", each.to},
                        {"applied", each.needs_new_workers ? "by new workers" : "in place"}});
  }
  return json_text(Json{{"steps", std::move(steps)},
                        {"settings", std::move(settings)},
                        {"size", preview.size},
                        {"ready_before", preview.ready_before},
                        {"lowest_ready", preview.lowest_ready},
                        {"most_workers", preview.most_workers},
                        {"takes_s", seconds(preview.takes)},
                        {"comes_to_rest", preview.comes_to_rest}},
                   2) +
         "\n";
}

}  // namespace scpool::supervisor
