#include "worker/core/tunnel_lifecycle.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::worker {

namespace {

LifecycleActions messages_of(const std::vector<std::string>& info,
                             const std::vector<std::string>& warning) {
  LifecycleActions actions;
  for (const std::string& text : info) {
    actions.push_back(Say{Say::Level::Info, "server: " + text});
  }
  for (const std::string& text : warning) {
    actions.push_back(Say{Say::Level::Info, "server warns: " + text});
  }
  return actions;
}

// A server that runs the tunnel, or has said where to dial: one that waits for us to connect before
// it calls the tunnel running names its host at once.
bool may_be_dialled(const TunnelState& state) {
  return state.status == TunnelStatus::Running ||
         (state.status != TunnelStatus::Terminated && !state.host.empty());
}

std::string_view step_name(LifecycleState state) {
  switch (state) {
    case LifecycleState::CheckingUpdates:
      return "check for updates";
    case LifecycleState::Creating:
      return "create tunnel";
    case LifecycleState::Provisioning:
      return "wait for tunnel";
    case LifecycleState::Draining:
    case LifecycleState::Deleting:
      return "delete tunnel";
    case LifecycleState::Idle:
    case LifecycleState::Connecting:
    case LifecycleState::Serving:
    case LifecycleState::Closing:
    case LifecycleState::Gone:
      break;
  }
  return "tunnel";
}

}  // namespace

TunnelLifecycle::TunnelLifecycle(const LifecycleRule& rule, std::string user, Random random)
    : rule_(rule), user_(std::move(user)), random_(random) {}

LifecycleActions TunnelLifecycle::begin(Instant now) {
  if (state_ != LifecycleState::Idle) {
    return {};
  }
  state_ = LifecycleState::CheckingUpdates;
  patience_end_ = now + rule_.start_patience;
  return ask(Call::Updates);
}

LifecycleActions TunnelLifecycle::updates_answered(const RestOutcome<ServerUpdates>& outcome,
                                                   Instant now) {
  if (!take_answer(Call::Updates)) {
    return {};
  }
  if (const RestProblem* problem = std::get_if<RestProblem>(&outcome)) {
    return retry_or_end(Call::Updates, *problem, now);
  }
  updates_ = std::get<ServerUpdates>(outcome);
  failures_ = 0;
  if (!updates_.fatal.empty()) {
    return finish(
        {ExitClass::Server, "the server refuses this client: " + join(updates_.fatal, "; ")});
  }
  LifecycleActions actions = messages_of(updates_.info, updates_.warning);
  state_ = LifecycleState::Creating;
  patience_end_ = now + rule_.start_patience;
  append(actions, ask(Call::Create));
  return actions;
}

LifecycleActions TunnelLifecycle::create_answered(const RestOutcome<CreatedTunnel>& outcome,
                                                  Instant now) {
  if (!take_answer(Call::Create)) {
    return {};
  }
  const RestProblem* problem = std::get_if<RestProblem>(&outcome);
  if (problem != nullptr) {
    // Asked to stop meanwhile: there is nothing to remove.
    return state_ == LifecycleState::Deleting ? finish(cause_)
                                              : retry_or_end(Call::Create, *problem, now);
  }
  tunnel_ = std::get<CreatedTunnel>(outcome);
  if (state_ == LifecycleState::Deleting) {
    return ask(Call::Delete);
  }
  if (!tunnel_.fatal.empty()) {
    return remove_and_finish({ExitClass::Server, "create tunnel: " + join(tunnel_.fatal, "; ")},
                             rule_.delete_patience,
                             now);
  }
  denials_ = 0;
  LifecycleActions actions = messages_of(tunnel_.info, tunnel_.warning);
  if (may_be_dialled(tunnel_.state)) {
    append(actions, connect(now));
    return actions;
  }
  state_ = LifecycleState::Provisioning;
  deadline_ = now + updates_.start_timeout;
  patience_end_ = deadline_;
  call_later(Call::Fetch, now + rule_.poll_period);
  return actions;
}

LifecycleActions TunnelLifecycle::tunnel_answered(const RestOutcome<TunnelState>& outcome,
                                                  Instant now) {
  if (!take_answer(Call::Fetch)) {
    return {};
  }
  if (const RestProblem* problem = std::get_if<RestProblem>(&outcome)) {
    return retry_or_end(Call::Fetch, *problem, now);
  }
  const auto& state = std::get<TunnelState>(outcome);
  if (state.status == TunnelStatus::Terminated) {
    return finish({ExitClass::Remote,
                   "tunnel terminated remotely: " +
                       state.shutdown_reason.value_or("the server ended it before it was ready")});
  }
  if (!may_be_dialled(state)) {
    call_later(Call::Fetch, now + rule_.poll_period);
    return {};
  }
  tunnel_.state = state;
  return connect(now);
}

LifecycleActions TunnelLifecycle::connection_stands(Instant /*now*/) {
  if (state_ != LifecycleState::Connecting) {
    return {};
  }
  state_ = LifecycleState::Serving;
  deadline_ = kNever;
  failures_ = 0;
  if (std::exchange(announced_, true)) {
    return {Say{Say::Level::Info, "serving again under a new tunnel id"}};
  }
  return {AnnounceReady{}};
}

LifecycleActions TunnelLifecycle::gave_up(const GiveUp& end, Instant now) {
  const bool draining = state_ == LifecycleState::Draining;
  if (!draining && state_ != LifecycleState::Connecting && state_ != LifecycleState::Serving) {
    return {};
  }
  switch (end.why) {
    case GiveUp::Why::Deleted:
      return close_after_grace(
          draining ? ExitCause{}
                   : ExitCause{ExitClass::Remote, "tunnel terminated remotely: " + end.sentence},
          now);
    case GiveUp::Why::Unknown:
      return draining ? close_after_grace({}, now) : register_afresh(end, now);
    case GiveUp::Why::Denied:
      return remove_and_finish(
          {ExitClass::Credentials, "the server refuses the tunnel's connections: " + end.sentence},
          rule_.delete_patience,
          now);
    case GiveUp::Why::WrongVersion:
      return remove_and_finish(
          {ExitClass::Server, "the server speaks another version: " + end.sentence},
          rule_.delete_patience,
          now);
  }
  return {};
}

LifecycleActions TunnelLifecycle::wake(Instant now) {
  if (now >= deadline_) {
    return deadline_passed(now);
  }
  if (next_call_ != Call::None && now >= next_call_at_) {
    return ask(next_call_);
  }
  return {};
}

Instant TunnelLifecycle::next_deadline() const {
  return std::min(deadline_, next_call_ == Call::None ? kNever : next_call_at_);
}

bool TunnelLifecycle::stopping() const {
  return state_ == LifecycleState::Draining || state_ == LifecycleState::Closing ||
         state_ == LifecycleState::Deleting || state_ == LifecycleState::Gone;
}

bool TunnelLifecycle::take_answer(Call call) {
  if (pending_ != call) {
    return false;  // of a call nobody waits for any more
  }
  pending_ = Call::None;
  return true;
}

LifecycleActions TunnelLifecycle::ask(Call call) {
  pending_ = call;
  next_call_ = Call::None;
  switch (call) {
    case Call::Updates:
      return {CheckUpdates{}};
    case Call::Create:
      return {CreateTunnel{}};
    case Call::Fetch:
      return {FetchTunnel{}};
    case Call::Delete:
      return {DeleteTunnel{
          state_ == LifecycleState::Draining ? DeleteTunnel::Wait::ForJobs : DeleteTunnel::Wait::No,
          stop_reason_.empty() ? std::string(to_text(cause_.exit_class)) : stop_reason_}};
    case Call::None:
      break;
  }
  return {};
}

void TunnelLifecycle::call_later(Call call, Instant at) {
  next_call_ = call;
  next_call_at_ = at;
}

LifecycleActions TunnelLifecycle::retry_or_end(Call call, const RestProblem& problem, Instant now) {
  const std::string_view step = step_name(state_);
  bool again = is_transient(problem);
  if (announced_) {
    // A worker that has served does not give up for what can heal.
    const bool denied = problem.status == 401 || problem.status == 403;
    denials_ = denied ? denials_ + 1 : 0;
    again = again || is_quota(problem) || (denied && denials_ < rule_.denied_tries);
  }
  const Duration wait =
      std::max(problem.retry_after, backoff_delay(rule_.rest_backoff, failures_, random_));
  if (again && (patience_end_ == kNever || now + wait < patience_end_)) {
    ++failures_;
    call_later(call, now + wait);
    return {Say{
        Say::Level::Error,
        std::string(step) + ": " + problem.sentence + "; trying again in " + rough_duration(wait)}};
  }
  ExitCause cause = cause_of(step, problem, user_);
  return state_ == LifecycleState::Provisioning && problem.status != 404
             ? remove_and_finish(std::move(cause), rule_.delete_patience, now)
             : finish(std::move(cause));
}

LifecycleActions TunnelLifecycle::connect(Instant now) {
  state_ = LifecycleState::Connecting;
  next_call_ = Call::None;
  // A worker that has served before goes on for as long as it takes.
  deadline_ = announced_ ? kNever : now + rule_.connect_limit;
  return {StartConnections{}};
}

LifecycleActions TunnelLifecycle::register_afresh(const GiveUp& end, Instant now) {
  if (!announced_) {
    return remove_and_finish(
        {ExitClass::Server,
         "the server does not know the tunnel it has just made: " + end.sentence},
        rule_.delete_patience,
        now);
  }
  state_ = LifecycleState::Creating;
  deadline_ = kNever;
  patience_end_ = kNever;
  pending_ = Call::None;
  call_later(Call::Create, now + backoff_delay(rule_.rest_backoff, failures_++, random_));
  return {CloseConnections{},
          Say{Say::Level::Error,
              "the server does not know tunnel " + tunnel_.state.id.value + " any more (" +
                  end.sentence + "); registering afresh"}};
}

std::string_view to_text(LifecycleState state) {
  switch (state) {
    case LifecycleState::Idle:
      return "idle";
    case LifecycleState::CheckingUpdates:
      return "checking_updates";
    case LifecycleState::Creating:
      return "creating";
    case LifecycleState::Provisioning:
      return "provisioning";
    case LifecycleState::Connecting:
      return "connecting";
    case LifecycleState::Serving:
      return "serving";
    case LifecycleState::Draining:
      return "draining";
    case LifecycleState::Closing:
      return "closing";
    case LifecycleState::Deleting:
      return "deleting";
    case LifecycleState::Gone:
      return "gone";
  }
  return "unknown";
}

}  // namespace scpool::worker
