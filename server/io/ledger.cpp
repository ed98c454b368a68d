#include "server/io/ledger.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "common/tls/proof.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

constexpr Duration kHousekeeping = 500ms;
constexpr Duration kFlushDelay = 100ms;
constexpr Duration kFlushRetry = 5s;

}  // namespace

Ledger::Ledger(EventLoop& loop,
               Log& log,
               Metrics& metrics,
               SqliteStore store,
               Secret server_key,
               const LedgerRules& rules)
    : loop_(loop),
      log_(log),
      metrics_(metrics),
      store_(std::move(store)),
      server_key_(std::move(server_key)),
      tunnels_(rules.tunnels),
      jobs_(tunnels_, rules.jobs),
      admission_(sha256, rules.admission),
      housekeeping_timer_(loop),
      flush_timer_(loop) {}

Result<std::vector<Account>> Ledger::all_accounts() {
  data_version_ = store_.data_version();
  Result<std::vector<Account>> stored = store_.accounts();
  if (!stored) {
    return stored;
  }
  std::vector<Account> accounts = std::move(stored).value();
  accounts.insert(accounts.end(), configured_.begin(), configured_.end());
  return accounts;
}

Result<void> Ledger::load(std::vector<Account> configured) {
  configured_ = std::move(configured);
  Result<std::vector<Account>> accounts = all_accounts();
  if (!accounts) {
    return accounts.error();
  }
  admission_.set_accounts(std::move(accounts).value());
  Result<std::vector<TunnelState>> tunnels = store_.tunnels();
  if (!tunnels) {
    return tunnels.error();
  }
  for (TunnelState& state : tunnels.value()) {
    tunnels_.restore(std::move(state), moment());
  }
  Result<std::vector<Job>> jobs = store_.jobs();
  if (!jobs) {
    return jobs.error();
  }
  for (Job& job : jobs.value()) {
    jobs_.restore(std::move(job), moment());
  }
  settle();
  housekeeping();
  return {};
}

void Ledger::housekeeping() {
  jobs_.wake(moment());
  settle();
  tunnels_.wake(moment());
  settle();
  refresh_accounts();
  housekeeping_timer_.start(kHousekeeping, [this] { housekeeping(); });
}

void Ledger::tell_of_jobs(const JobChanges& changes) {
  if (!on_jobs_) {
    return;
  }
  std::set<TunnelId> tunnels(changes.lost_one.begin(), changes.lost_one.end());
  for (const JobId& id : changes.saved) {
    if (const Job* job = jobs_.find(id)) {
      tunnels.insert(job->tunnel);
    }
  }
  for (const TunnelId& tunnel : tunnels) {
    on_jobs_(tunnel);
  }
}

void Ledger::settle() {
  if (!jobs_.changed() && !tunnels_.changed()) {
    return;
  }
  const JobChanges jobs = jobs_.take_changes();
  tell_of_jobs(jobs);
  for (const TunnelId& tunnel : jobs.lost_one) {
    tunnels_.jobs_running(tunnel, jobs_.running_on(tunnel), moment());
  }
  dirty_jobs_.insert(jobs.saved.begin(), jobs.saved.end());
  for (const JobId& job : jobs.erased) {
    dirty_jobs_.erase(job);
    erased_jobs_.insert(job);
  }
  TunnelChanges tunnels = tunnels_.take_changes();
  dirty_tunnels_.insert(tunnels.changed.begin(), tunnels.changed.end());
  for (const TunnelId& tunnel : tunnels.forgotten) {
    dirty_tunnels_.erase(tunnel);
    forgotten_tunnels_.insert(tunnel);
  }
  if (!flush_timer_.armed() && !(dirty_jobs_.empty() && erased_jobs_.empty() &&
                                 dirty_tunnels_.empty() && forgotten_tunnels_.empty())) {
    schedule_flush(kFlushDelay);
  }
  for (const TunnelChanges::Ended& ended : tunnels.ended) {
    log_.info("tunnels", "tunnel ended", {{"id", ended.id.value}, {"reason", ended.reason}});
    retries_.tunnel_ended(ended.id);
    if (on_ended_) {
      on_ended_(ended.id, ended.reason);
    }
  }
}

void Ledger::schedule_flush(Duration delay) {
  flush_timer_.start(delay, [this] { flush(); });
}

void Ledger::flush() {
  StoreChanges changes;
  for (const TunnelId& id : dirty_tunnels_) {
    if (const Tunnel* tunnel = tunnels_.find(id)) {
      changes.tunnels.push_back(tunnel);
    }
  }
  for (const JobId& id : dirty_jobs_) {
    if (const Job* job = jobs_.find(id)) {
      changes.jobs.push_back(job);
    }
  }
  changes.forgotten_tunnels.assign(forgotten_tunnels_.begin(), forgotten_tunnels_.end());
  changes.erased_jobs.assign(erased_jobs_.begin(), erased_jobs_.end());
  flush_timer_.cancel();
  if (changes.tunnels.empty() && changes.jobs.empty() && changes.forgotten_tunnels.empty() &&
      changes.erased_jobs.empty()) {
    return;
  }
  if (const Result<void> saved = store_.save(changes); !saved) {
    metrics_.store_failed();
    if (!std::exchange(store_is_failing_, true)) {
      log_.error("state",
                 "the state cannot be written; traffic goes on and writing is tried again",
                 {{"error", saved.error().sentence()}});
    }
    schedule_flush(kFlushRetry);
    return;
  }
  if (std::exchange(store_is_failing_, false)) {
    log_.info("state", "the state is written again");
  }
  dirty_tunnels_.clear();
  dirty_jobs_.clear();
  forgotten_tunnels_.clear();
  erased_jobs_.clear();
}

void Ledger::refresh_accounts() {
  if (store_.data_version() != data_version_) {
    reload_accounts(configured_);
  }
}

void Ledger::reload_accounts(std::vector<Account> configured) {
  configured_ = std::move(configured);
  Result<std::vector<Account>> accounts = all_accounts();
  if (!accounts) {
    log_.error("accounts", "the old accounts stay", {{"error", accounts.error().sentence()}});
    return;
  }
  admission_.set_accounts(std::move(accounts).value());
  std::set<std::string> gone;
  for (const Tunnel* tunnel : tunnels_.all()) {
    if (tunnel->active() && admission_.account(tunnel->state.owner) == nullptr) {
      gone.insert(tunnel->state.owner);
    }
  }
  for (const std::string& owner : gone) {
    log_.info("accounts", "account removed; its tunnels end", {{"account", owner}});
    jobs_.end_all_of(owner);
    std::vector<TunnelId> ids;
    for (const Tunnel* tunnel : tunnels_.of_owner(owner)) {
      ids.push_back(tunnel->state.id);
    }
    for (const TunnelId& id : ids) {
      tunnels_.terminate(id, "account removed", moment());
    }
  }
  settle();
}

bool Ledger::login_is_right(std::string_view user, std::string_view key) {
  if (admission_.key_is_right(user, key)) {
    return true;
  }
  if (store_.data_version() == data_version_) {
    return false;
  }
  refresh_accounts();
  return admission_.key_is_right(user, key);
}

Bytes Ledger::connect_secret(const TunnelId& id) const {
  return hmac_sha256(as_bytes(server_key_.reveal()), as_bytes("connect1" + id.value));
}

}  // namespace scpool::server
