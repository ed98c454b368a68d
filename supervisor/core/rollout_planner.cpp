#include "supervisor/core/rollout_planner.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace scpool::supervisor {

RolloutPlanner::RolloutPlanner(ConfigHash wanted, ConfigHash proven)
    : wanted_(wanted), proven_(proven.value == 0 ? wanted : proven) {}

void RolloutPlanner::restore(const RolloutRecord& record, Instant now) {
  state_ = record.state;
  reason_ = record.reason;
  began_ = record.began;
  total_ = record.total;
  ledger_ = record.ledger;
  accounted_until_ = now;
}

RolloutRecord RolloutPlanner::record() const {
  return {state_, reason_, began_, total_, ledger_};
}

void RolloutPlanner::want(ConfigHash config) {
  config_cancelled_ = false;
  wanted_ = config;
}

void RolloutPlanner::prove_wanted() {
  proven_ = wanted_;
  progressed_at_ = accounted_until_;
}

void RolloutPlanner::begin(Reason reason, std::uint32_t stale, std::uint32_t ready, Instant now) {
  if (state_ == RolloutState::Idle) {
    began_ = now;
    total_ = 0;
    stale_ = 0;
    ledger_ = {.lowest_ready = ready, .lost_worker_seconds = 0};
    accounted_until_ = now;
  }
  const std::uint32_t done = total_ - std::min(total_, stale_);
  total_ = done + stale;
  stale_ = stale;
  reason_ = std::move(reason);
  if (state_ != RolloutState::Running) {
    progressed_at_ = now;
  }
  state_ = RolloutState::Running;
}

void RolloutPlanner::pause(Reason reason) {
  if (state_ == RolloutState::Running) {
    state_ = RolloutState::Paused;
    reason_ = std::move(reason);
  }
}

void RolloutPlanner::resume() {
  if (state_ == RolloutState::Paused) {
    state_ = RolloutState::Running;
    progressed_at_ = accounted_until_;
  }
}

void RolloutPlanner::cancel() {
  state_ = RolloutState::Idle;
  config_cancelled_ = has_canary();
}

bool RolloutPlanner::note_progress(std::uint32_t stale) {
  total_ = std::max(total_, stale);
  if (stale < stale_) {
    progressed_at_ = accounted_until_;
  }
  stale_ = stale;
  if (state_ == RolloutState::Idle || stale > 0) {
    return false;
  }
  state_ = RolloutState::Idle;
  return true;
}

const RolloutCandidate* RolloutPlanner::choose(std::span<const RolloutCandidate> stale) const {
  if (state_ != RolloutState::Running || stale.empty()) {
    return nullptr;
  }
  return &*std::min_element(
      stale.begin(), stale.end(), [](const RolloutCandidate& left, const RolloutCandidate& right) {
        return std::tie(left.started_at, left.worker) < std::tie(right.started_at, right.worker);
      });
}

void RolloutPlanner::account(std::uint32_t ready, std::uint32_t size, Instant now) {
  if (!progressed_at_) {
    progressed_at_ = now;  // it was begun by an earlier supervisor
  }
  if (state_ == RolloutState::Running) {
    const std::chrono::duration<double> passed = now - accounted_until_;
    ledger_.lowest_ready = std::min(ledger_.lowest_ready, ready);
    ledger_.lost_worker_seconds +=
        passed.count() * static_cast<double>(size - std::min(size, ready));
  }
  accounted_until_ = now;
}

RolloutSnapshot RolloutPlanner::snapshot() const {
  RolloutSnapshot view;
  view.state = state_;
  view.reason = reason_;
  view.total = total_;
  view.done = total_ - std::min(total_, stale_);
  view.began = began_;
  view.ledger = ledger_;
  return view;
}

}  // namespace scpool::supervisor
