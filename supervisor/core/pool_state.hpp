// The working memory of the PoolController and the steps of its decision: members, slots, and the
// composed deciders. Not in the layout's list: it is the controller's body, in a header because the
// body has three sources (events, reconciliation, views). Used by nobody else.
#pragma once

#include "supervisor/core/orphan_policy.hpp"
#include "supervisor/core/pool_controller.hpp"
#include "supervisor/core/pool_member.hpp"
#include "supervisor/core/quota_policy.hpp"
#include "supervisor/core/rollout_planner.hpp"
#include "supervisor/core/worker_lifecycle.hpp"

namespace scpool::supervisor {

class PoolState {
 public:
  explicit PoolState(PoolController::Setup setup);

  PoolActions handle(const PoolEvent& event, Instant now);
  PoolSnapshot snapshot(Instant now) const;
  PoolRecord record() const;
  std::string explain(SlotIndex slot, Instant now) const;
  Instant wake() const { return wake_; }
  bool finished() const { return finished_; }

 private:
  // One per event.
  void on(const WorkerSpawned& event);
  void on(const SpawnFailed& event);
  void on(const WorkerExited& event);
  void on(const ProbeAnswered& event);
  void on(const ProbeFailed& event);
  void on(const RestListed& event);
  void on(const RestFailed& event);
  void on(const TunnelDeleted& event);
  void on(const TunnelDeleteFailed& event);
  void on(const DrainFinished& event);
  void on(const TimerFired& event);
  void on(const WorkerAdopted& event);
  void on(const PoolStarted& event);
  void on(const ScaleRequested& event);
  void on(const RestartRequested& event);
  void on(const DrainRequested& event);
  void on(const RolloutCommanded& event);
  void on(const ConfigChanged& event);
  void on(const ShutdownRequested& event);
  void resize(std::uint32_t size);
  void rest_failed(const std::string& why);
  void excuse_standstill();
  void unanswered(Member& member);

  // Queries.
  Member* find(WorkerId id);
  Member* regular_of(SlotIndex slot);
  Member* replacement_of(SlotIndex slot);
  bool outdated(const Member& member) const;
  std::uint32_t ready_count() const;
  std::uint32_t stale_count() const;
  std::uint32_t count_leaving(SlotIndex slot) const;
  std::uint32_t serving_floor() const;
  PoolHealth health() const;
  bool others_answer(const Member& silent);
  bool stopping() const { return stop_.has_value(); }

  // Steps on one worker.
  bool due(Instant when);  // and if not, wake then
  void apply(Member& member, WorkerInput input, Reason reason);
  void command(const Member& member, WorkerCommand command, const Reason& reason);
  // It leaves for `cause`; its slot is handed over or becomes vacant.
  void dismiss(Member& member, WorkerInput input, Reason reason, ExitCause cause);
  void hand_over(Member& member, ExitCause cause, std::optional<Duration> ready_for);
  void errand_failed(Member& member, ExitCause cause);
  void ended(Member& member, ExitCause cause, const WorkerExit& exit, const Evidence& evidence);
  void start(SlotIndex slot, Place place, Errand errand, ConfigHash config, Reason reason);
  void announce(Reason reason);
  void begin_rollout(Reason reason);
  void set_retirement(Member& member);

  // Reconciliation, in this order, until nothing changes.
  void reconcile();
  void pass();
  void expire_deadlines();
  void judge_health();
  void excuse_unready();
  void judge(Member& member, PoolHealth& pool);
  bool server_agrees(const Member& member) const;
  void retire_surplus();
  void finish_replacements();
  void complete(Member& member);
  void begin_replacements();
  std::optional<Reason> recycle_reason(const Member& member);
  bool replace(Member& member, Errand errand, Reason reason);
  void begin_trial();
  void begin_rollout_step();
  bool room_for_steps() const;
  void fill_vacancies();
  bool may_start(SlotIndex slot);
  ConfigHash config_for(SlotIndex slot);
  void close_rollout();
  void pause_stuck_rollout();
  void stop_everyone();
  void probe();
  void probe_one(Member& member);
  void list_tunnels();
  void delete_orphans();

  PoolPolicy policy_;
  Random random_;
  std::uint32_t size_;
  std::uint64_t next_generation_;
  std::vector<Member> members_;
  std::vector<Slot> slots_;
  std::vector<WorkerRecord> unclaimed_;  // recorded, not yet adopted
  RolloutPlanner rollout_;
  AlikeFailures alike_;
  QuotaPolicy quota_;
  OrphanPolicy orphans_;
  Instant suspected_since_ = kNever;
  Instant next_trial_;
  Instant list_at_ = kNever;
  Instant list_sent_ = kNever;
  Instant listed_at_;
  bool rest_stale_ = false;
  Instant starts_from_;  // not before the first list, for a short while
  bool started_ = false;
  bool finished_ = false;
  std::optional<StopUrgency> stop_;
  Instant emptied_at_ = kNever;  // during a shutdown: the last worker is gone

  Instant now_;
  Instant wake_ = kNever;
  PoolActions actions_;
  bool changed_ = false;
  bool dirty_ = false;
  std::vector<RolloutCandidate> stale_;  // scratch
};

}  // namespace scpool::supervisor
