// The second half of a tunnel's life: draining, deleting, closing (see tunnel_lifecycle.hpp).
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "worker/core/tunnel_lifecycle.hpp"

namespace scpool::worker {

LifecycleActions TunnelLifecycle::delete_answered(const RestOutcome<std::uint64_t>& outcome,
                                                  Instant now) {
  if (!take_answer(Call::Delete)) {
    return {};
  }
  const RestProblem* problem = std::get_if<RestProblem>(&outcome);
  const bool unknown = problem != nullptr && problem->status == 404;
  if (problem != nullptr && !unknown) {
    return delete_failed(*problem, now);
  }
  if (state_ == LifecycleState::Deleting) {
    return finish(cause_);
  }
  jobs_running_ = unknown ? 0 : std::get<std::uint64_t>(outcome);
  patience_end_ = kNever;
  if (jobs_running_ == 0) {
    LifecycleActions actions;
    actions.push_back(Say{Say::Level::Info, "all jobs using the tunnel have finished"});
    append(actions, close_after_grace({}, now));
    return actions;
  }
  call_later(Call::Delete, now + rule_.delete_period);
  if (std::exchange(jobs_said_, jobs_running_) == jobs_running_) {
    return {};
  }
  return {
      Say{Say::Level::Info, "number of jobs using the tunnel: " + std::to_string(jobs_running_)}};
}

LifecycleActions TunnelLifecycle::stop_requested(const std::string& reason, Instant now) {
  if (stop_reason_.empty()) {
    stop_reason_ = reason;
  }
  switch (state_) {
    case LifecycleState::Idle:
    case LifecycleState::CheckingUpdates:
      return finish({});
    case LifecycleState::Creating:
      if (pending_ != Call::Create) {
        return finish({});
      }
      // What this call makes must be removed again.
      state_ = LifecycleState::Deleting;
      deadline_ = now + rule_.delete_patience;
      return {};
    case LifecycleState::Provisioning:
    case LifecycleState::Connecting:
      return remove_and_finish({}, rule_.delete_patience, now);
    case LifecycleState::Serving:
      state_ = LifecycleState::Draining;
      deadline_ = now + updates_.job_wait_timeout;
      patience_end_ = kNever;
      return wait_for_jobs();
    case LifecycleState::Draining: {
      LifecycleActions actions = {Say{Say::Level::Info, "stopping at once"}};
      append(actions, remove_and_finish({}, rule_.forced_patience, now));
      return actions;
    }
    case LifecycleState::Closing:
    case LifecycleState::Deleting:
      return finish(cause_);
    case LifecycleState::Gone:
      break;
  }
  return {};
}

LifecycleActions TunnelLifecycle::connections_finished(Instant /*now*/) {
  return state_ == LifecycleState::Closing ? finish(cause_) : LifecycleActions{};
}

LifecycleActions TunnelLifecycle::wait_for_jobs() {
  LifecycleActions actions = {Say{Say::Level::Info,
                                  "stopping (" + stop_reason_ + "): waits up to " +
                                      duration_text(updates_.job_wait_timeout) +
                                      " for active jobs; a second signal stops at once"}};
  append(actions, ask(Call::Delete));
  return actions;
}

LifecycleActions TunnelLifecycle::remove_and_finish(ExitCause cause,
                                                    Duration patience,
                                                    Instant now) {
  state_ = LifecycleState::Deleting;
  cause_ = std::move(cause);
  deadline_ = now + patience;
  LifecycleActions actions = {CloseConnections{}};
  append(actions, ask(Call::Delete));
  return actions;
}

LifecycleActions TunnelLifecycle::close_after_grace(ExitCause cause, Instant now) {
  state_ = LifecycleState::Closing;
  cause_ = std::move(cause);
  deadline_ = now + rule_.stream_grace;
  pending_ = Call::None;
  next_call_ = Call::None;
  return {
      DrainConnections{stop_reason_.empty() ? "tunnel ended" : stop_reason_, rule_.stream_grace}};
}

LifecycleActions TunnelLifecycle::finish(ExitCause cause) {
  state_ = LifecycleState::Gone;
  cause_ = std::move(cause);
  pending_ = Call::None;
  next_call_ = Call::None;
  deadline_ = kNever;
  return {CloseConnections{}, Finish{cause_}};
}

LifecycleActions TunnelLifecycle::delete_failed(const RestProblem& problem, Instant now) {
  const bool deleting = state_ == LifecycleState::Deleting;
  if (patience_end_ == kNever && !deleting) {
    patience_end_ = now + rule_.delete_patience;
  }
  const Instant end = deleting ? deadline_ : patience_end_;
  const Duration wait = std::max(problem.retry_after,
                                 deleting ? rule_.rest_backoff.first_limit : rule_.delete_period);
  if (is_transient(problem) && now + wait < end) {
    call_later(Call::Delete, now + wait);
    return {};
  }
  if (cause_.exit_class == ExitClass::Clean) {
    cause_ = cause_of("delete tunnel", problem, user_);
    cause_.sentence =
        "tunnel " + tunnel_.state.id.value + " could not be removed: " + cause_.sentence;
  }
  return deleting ? finish(cause_) : close_after_grace(cause_, now);
}

LifecycleActions TunnelLifecycle::deadline_passed(Instant now) {
  deadline_ = kNever;
  const std::string& id = tunnel_.state.id.value;
  switch (state_) {
    case LifecycleState::Provisioning:
      return remove_and_finish(
          {ExitClass::Server,
           "tunnel " + id + " was not running within " + duration_text(updates_.start_timeout)},
          rule_.delete_patience,
          now);
    case LifecycleState::Connecting:
      return remove_and_finish(
          {ExitClass::Network,
           "server not reachable: no connection to " + tunnel_.state.host + " within " +
               duration_text(rule_.connect_limit) +
               (last_connection_error_.empty() ? "" : ": " + last_connection_error_)},
          rule_.delete_patience,
          now);
    case LifecycleState::Draining: {
      LifecycleActions actions = {
          Say{Say::Level::Error,
              std::to_string(jobs_running_) + " jobs still use the tunnel after " +
                  duration_text(updates_.job_wait_timeout) + "; they are cut"}};
      append(actions, remove_and_finish({}, rule_.delete_patience, now));
      return actions;
    }
    case LifecycleState::Closing:
    case LifecycleState::Deleting:
      return finish(cause_);
    case LifecycleState::Idle:
    case LifecycleState::CheckingUpdates:
    case LifecycleState::Creating:
    case LifecycleState::Serving:
    case LifecycleState::Gone:
      break;
  }
  return {};
}

}  // namespace scpool::worker
