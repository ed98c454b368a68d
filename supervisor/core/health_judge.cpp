#include "supervisor/core/health_judge.hpp"

#include <algorithm>

namespace scpool::supervisor {
namespace {

// A list may have been made just before the tunnel was; two in a row were not.
constexpr std::uint32_t kMissingLists = 2;

}  // namespace

void WorkerHealth::answered(Readiness local) {
  silent_ = 0;
  local_ready_ = local == Readiness::Ready;
}

void WorkerHealth::went_unanswered() {
  ++silent_;
}

void WorkerHealth::listed(Readiness server) {
  missing_ = 0;
  server_ready_ = server == Readiness::Ready;
}

void WorkerHealth::not_listed() {
  ++missing_;
  if (missing_ >= kMissingLists) {
    server_ready_ = false;
  }
}

void WorkerHealth::server_unknown() {
  missing_ = 0;
  server_ready_.reset();
}

void WorkerHealth::ask_anew() {
  silent_ = 0;
  local_ready_ = false;
}

void WorkerHealth::trust() {
  silent_ = 0;
  local_ready_ = true;
}

HealthVerdict WorkerHealth::verdict(const PoolPolicy& policy) const {
  if (silent_ >= policy.silent_probes) {
    return HealthVerdict::Silent;
  }
  return local_ready_ && server_ready_.value_or(true) ? HealthVerdict::Ready
                                                      : HealthVerdict::Unready;
}

bool PoolHealth::may_kill_silent(std::uint32_t size) const {
  return !network_suspected() && recovering < std::max<std::uint32_t>(1, size / 4);
}

}  // namespace scpool::supervisor
