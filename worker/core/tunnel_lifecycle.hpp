// The life of one tunnel as a state machine: check updates, create, poll until it runs, connect,
// serve, drain, delete. Told what happened and when; returns what to do. Knows no REST, no sockets
// and no clock; which connection is dialled when is connection_planner's business. Owned by the
// worker's shell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/backoff.hpp"
#include "common/base/random.hpp"
#include "common/base/time.hpp"
#include "common/tunnel/tunnel_resource.hpp"
#include "worker/core/connection_planner.hpp"
#include "worker/core/exit_cause.hpp"
#include "worker/core/tunnel_actions.hpp"

namespace scpool::worker {

enum class LifecycleState {
  Idle,
  CheckingUpdates,
  Creating,
  Provisioning,  // polled until it runs
  Connecting,    // until the first connection stands
  Serving,
  Draining,  // no new jobs; waits for the running ones
  Closing,   // the tunnel is gone at the server; streams end
  Deleting,  // being removed without a wait
  Gone,
};

struct LifecycleRule {
  Duration start_patience = std::chrono::seconds{15};  // for a server that is not reachable
  BackoffRule rest_backoff{.first_limit = std::chrono::milliseconds{250},
                           .base = std::chrono::milliseconds{500},
                           .cap = std::chrono::seconds{5}};
  Duration poll_period = std::chrono::seconds{1};
  Duration connect_limit = std::chrono::seconds{15};
  Duration delete_period = std::chrono::seconds{2};  // jobs_running is asked again
  Duration delete_patience = std::chrono::seconds{10};
  Duration forced_patience = std::chrono::seconds{2};
  Duration stream_grace = std::chrono::seconds{30};
  std::uint32_t denied_tries = 3;  // of a registration after the first
};

class TunnelLifecycle {
 public:
  TunnelLifecycle(const LifecycleRule& rule, std::string user, Random random);

  LifecycleActions begin(Instant now);
  LifecycleActions updates_answered(const RestOutcome<ServerUpdates>& outcome, Instant now);
  LifecycleActions create_answered(const RestOutcome<CreatedTunnel>& outcome, Instant now);
  LifecycleActions tunnel_answered(const RestOutcome<TunnelState>& outcome, Instant now);
  // The number of jobs still running; zero: the tunnel is gone.
  LifecycleActions delete_answered(const RestOutcome<std::uint64_t>& outcome, Instant now);
  LifecycleActions connection_stands(Instant now);
  void connection_failed(const std::string& sentence) { last_connection_error_ = sentence; }
  LifecycleActions gave_up(const GiveUp& end, Instant now);
  // After DrainConnections: the last one is closed.
  LifecycleActions connections_finished(Instant now);
  // A signal ("sigterm") or an orphan's end; the second one skips the waiting, the third all.
  LifecycleActions stop_requested(const std::string& reason, Instant now);
  LifecycleActions wake(Instant now);
  Instant next_deadline() const;

  LifecycleState state() const { return state_; }
  bool stopping() const;
  const CreatedTunnel& tunnel() const { return tunnel_; }
  const ServerUpdates& updates() const { return updates_; }
  std::uint64_t jobs_running() const { return jobs_running_; }  // as the last DELETE said

 private:
  enum class Call { None, Updates, Create, Fetch, Delete };

  bool take_answer(Call call);
  LifecycleActions ask(Call call);
  void call_later(Call call, Instant at);
  LifecycleActions retry_or_end(Call call, const RestProblem& problem, Instant now);
  LifecycleActions connect(Instant now);
  LifecycleActions register_afresh(const GiveUp& end, Instant now);
  LifecycleActions wait_for_jobs();
  LifecycleActions remove_and_finish(ExitCause cause, Duration patience, Instant now);
  LifecycleActions close_after_grace(ExitCause cause, Instant now);
  LifecycleActions finish(ExitCause cause);
  LifecycleActions delete_failed(const RestProblem& problem, Instant now);
  LifecycleActions deadline_passed(Instant now);

  LifecycleRule rule_;
  std::string user_;
  Random random_;
  LifecycleState state_ = LifecycleState::Idle;
  Call pending_ = Call::None;    // the answer we wait for
  Call next_call_ = Call::None;  // made again at next_call_at_
  Instant next_call_at_ = kNever;
  Instant deadline_ = kNever;  // of the state
  Instant patience_end_ = kNever;
  std::uint32_t failures_ = 0;
  std::uint32_t denials_ = 0;
  bool announced_ = false;
  std::string stop_reason_;
  ExitCause cause_;  // with which it will finish
  CreatedTunnel tunnel_;
  ServerUpdates updates_;
  std::uint64_t jobs_running_ = 0;
  std::uint64_t jobs_said_ = 0;
  std::string last_connection_error_;
};

std::string_view to_text(LifecycleState state);

}  // namespace scpool::worker
