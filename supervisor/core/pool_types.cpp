#include "supervisor/core/pool_types.hpp"

#include <iterator>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr const char* kStoredPrefix = "worker-";

}  // namespace

std::string_view to_text(WorkerState state) {
  switch (state) {
    case WorkerState::Starting:
      return "starting";
    case WorkerState::Ready:
      return "ready";
    case WorkerState::Unhealthy:
      return "unhealthy";
    case WorkerState::Draining:
      return "draining";
    case WorkerState::Stopping:
      return "stopping";
    case WorkerState::Exited:
      return "exited";
  }
  return "?";
}

std::string_view to_text(VacancyState state) {
  switch (state) {
    case VacancyState::Empty:
      return "empty";
    case VacancyState::Backoff:
      return "backoff";
    case VacancyState::Failed:
      return "failed";
  }
  return "?";
}

std::string_view to_text(ExitCause cause) {
  switch (cause) {
    case ExitCause::Asked:
      return "asked";
    case ExitCause::Unasked:
      return "unasked";
    case ExitCause::Credentials:
      return "credentials";
    case ExitCause::Quota:
      return "quota";
    case ExitCause::NameCollision:
      return "name-collision";
    case ExitCause::Configuration:
      return "configuration";
    case ExitCause::Port:
      return "port";
    case ExitCause::Network:
      return "network";
    case ExitCause::Resources:
      return "resources";
    case ExitCause::Crash:
      return "crash";
    case ExitCause::OutOfMemory:
      return "out-of-memory";
    case ExitCause::Hang:
      return "hang";
    case ExitCause::NeverReady:
      return "never-ready";
    case ExitCause::Unknown:
      return "unknown";
  }
  return "?";
}

std::string_view to_text(RolloutState state) {
  switch (state) {
    case RolloutState::Idle:
      return "idle";
    case RolloutState::Running:
      return "running";
    case RolloutState::Paused:
      return "paused";
  }
  return "?";
}

std::string_view to_text(ReasonKind kind) {
  // In the order of the enumeration; the test counts them.
  static constexpr std::string_view kNames[] = {"pool-start",
                                                "slot-vacant",
                                                "backoff-over",
                                                "slow-retry",
                                                "replacement-wanted",
                                                "replacement-ready",
                                                "trial-of-suspicion",
                                                "max-age",
                                                "memory-limit",
                                                "descriptor-limit",
                                                "config-changed",
                                                "restart-wished",
                                                "drain-wished",
                                                "scaled-down",
                                                "shutting-down",
                                                "surplus",
                                                "start-timeout",
                                                "drain-timeout",
                                                "stop-timeout",
                                                "api-silent",
                                                "not-ready",
                                                "not-ready-at-server",
                                                "probe-due",
                                                "became-ready",
                                                "worker-ended",
                                                "spawn-failed",
                                                "adopted",
                                                "alike-failures",
                                                "quota-refused",
                                                "rest-unreachable",
                                                "rest-answers",
                                                "orphan-found",
                                                "foreign-tunnel",
                                                "rollout-step",
                                                "rollout-failed",
                                                "rollout-paused",
                                                "rollout-resumed",
                                                "rollout-cancelled",
                                                "rollout-done",
                                                "state-changed"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(ReasonKind::StateChanged) + 1);
  return kNames[static_cast<std::size_t>(kind)];
}

std::string to_text(const Reason& reason) {
  std::string text{to_text(reason.kind)};
  if (!reason.detail.empty()) {
    text.append(": ").append(reason.detail);
  }
  return text;
}

std::string to_text(WorkerId id) {
  return std::to_string(id.slot.value) + "." + std::to_string(id.generation.value);
}

std::string stored_name(WorkerId id) {
  return kStoredPrefix + to_text(id);
}

std::optional<WorkerId> stored_worker(std::string_view name) {
  if (!name.starts_with(kStoredPrefix)) {
    return std::nullopt;
  }
  name.remove_prefix(std::string_view(kStoredPrefix).size());
  const std::size_t dot = name.find('.');
  const auto slot = parse_number(name.substr(0, dot));
  const auto generation =
      dot == std::string_view::npos ? std::nullopt : parse_number(name.substr(dot + 1));
  if (!slot || !generation || *slot > UINT32_MAX) {
    return std::nullopt;
  }
  return WorkerId{{static_cast<std::uint32_t>(*slot)}, {*generation}};
}

}  // namespace scpool::supervisor
