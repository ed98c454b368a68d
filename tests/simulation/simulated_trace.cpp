// The trace of a simulation: one line per event and action. Probes that say nothing new are left
// out.
#include <array>
#include <type_traits>

#include "common/base/text.hpp"
#include "tests/simulation/simulated_pool.hpp"

namespace scpool::simulation {

using namespace supervisor;

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string event_text(const PoolEvent& event) {
  return std::visit(
      Overloaded{
          [](const WorkerSpawned& it) { return "spawned " + to_text(it.worker); },
          [](const SpawnFailed& it) { return "spawn failed " + to_text(it.worker); },
          [](const WorkerExited& it) {
            return "exited " + to_text(it.worker) + " " + exit_text(it.exit) +
                   (it.evidence.last_lines.empty() ? "" : ": " + it.evidence.last_lines.front());
          },
          [](const ProbeAnswered& it) {
            return "answered " + to_text(it.worker) + (it.ready ? " ready" : " not ready");
          },
          [](const ProbeFailed& it) { return "probe failed " + to_text(it.worker); },
          [](const RestListed& it) { return "listed " + std::to_string(it.tunnels.size()); },
          [](const RestFailed& /*it*/) { return std::string("rest failed"); },
          [](const TunnelDeleted& it) { return "deleted " + it.tunnel.value; },
          [](const TunnelDeleteFailed& it) { return "delete failed " + it.tunnel.value; },
          [](const DrainFinished& it) { return "drain finished " + to_text(it.worker); },
          [](const TimerFired& /*it*/) { return std::string("timer"); },
          [](const WorkerAdopted& it) { return "adopted " + to_text(it.worker); },
          [](const PoolStarted& /*it*/) { return std::string("pool started"); },
          [](const ScaleRequested& it) { return "scale " + std::to_string(it.size); },
          [](const RestartRequested& it) {
            return std::string("restart ") +
                   (it.style == RestartStyle::Rolling ? "rolling" : "at once");
          },
          [](const DrainRequested& it) { return "drain slot " + std::to_string(it.slot.value); },
          [](const RolloutCommanded& it) {
            static constexpr std::array kNames = {"pause", "resume", "cancel"};
            return std::string("rollout ") + kNames.at(static_cast<std::size_t>(it.command));
          },
          [](const ConfigChanged& it) { return "config " + std::to_string(it.config.value); },
          [](const ShutdownRequested& it) {
            return std::string("shutdown ") + (it.urgency == StopUrgency::Now ? "now" : "drain");
          }},
      event);
}

std::string action_text(const PoolAction& action) {
  return std::visit(
      Overloaded{[](const StartWorker& it) {
                   return "start " + to_text(it.worker) + " config " +
                          std::to_string(it.config.value) + " (" + to_text(it.reason) + ")";
                 },
                 [](const DrainWorker& it) {
                   return "drain " + to_text(it.worker) + " (" + to_text(it.reason) + ")";
                 },
                 [](const SignalWorker& it) {
                   return std::string(it.signal == WorkerSignal::Kill ? "kill " : "stop ") +
                          to_text(it.worker) + " (" + to_text(it.reason) + ")";
                 },
                 [](const ProbeWorker& it) { return "probe " + to_text(it.worker); },
                 [](const ListTunnels& /*it*/) { return std::string("list"); },
                 [](const DeleteTunnel& it) { return "delete " + it.tunnel.value; },
                 [](const WriteState& /*it*/) { return std::string("write"); },
                 [](const Announce& it) {
                   return "say " + (it.worker ? to_text(*it.worker) + " " : "") +
                          (it.state ? std::string(to_text(*it.state)) + " " : "") +
                          (it.cause ? std::string(to_text(*it.cause)) + " " : "") +
                          to_text(it.reason);
                 },
                 [](const FinishShutdown& /*it*/) { return std::string("finish"); }},
      action);
}

}  // namespace

void SimulatedPool::describe(const PoolEvent& event) {
  if (plan_.trace == nullptr || std::holds_alternative<TimerFired>(event)) {
    return;
  }
  if (const auto* answer = std::get_if<ProbeAnswered>(&event)) {
    SimulatedWorker* worker = worker_of(answer->worker.generation.value);
    const std::uint32_t told = answer->ready ? 2 : 1;
    if (worker == nullptr || std::exchange(worker->believed_ready, told) == told) {
      return;
    }
  }
  note("< " + event_text(event));
}

void SimulatedPool::describe(const PoolAction& action) {
  if (plan_.trace != nullptr && !std::holds_alternative<ProbeWorker>(action) &&
      !std::holds_alternative<WriteState>(action)) {
    note("  > " + action_text(action));
  }
}

}  // namespace scpool::simulation
