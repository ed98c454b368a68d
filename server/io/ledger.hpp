// What the server knows and keeps: tunnels, jobs, accounts, budgets, and their place on disk. Every
// change of a registry goes through settle(): it carries news from jobs to tunnels, tells the shell
// which tunnels ended, and remembers what must be stored. (Not in the first layout: the shell would
// outgrow its bounds with it.)
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "common/base/secret.hpp"
#include "common/io/log.hpp"
#include "common/io/timer.hpp"
#include "server/core/admission_policy.hpp"
#include "server/core/job_registry.hpp"
#include "server/core/retry_policy.hpp"
#include "server/core/tunnel_registry.hpp"
#include "server/io/metrics.hpp"
#include "server/io/sqlite_store.hpp"

namespace scpool::server {

struct LedgerRules {
  TunnelRules tunnels;
  JobRules jobs;
  AdmissionLimits admission;
};

class Ledger {
 public:
  using OnEnded = std::function<void(const TunnelId&, const std::string& reason)>;
  using OnJobs = std::function<void(const TunnelId&)>;

  Ledger(EventLoop& loop,
         Log& log,
         Metrics& metrics,
         SqliteStore store,
         Secret server_key,
         const LedgerRules& rules);

  // Reads tunnels, jobs and accounts; `configured` accounts come on top and win.
  Result<void> load(std::vector<Account> configured);
  void on_tunnel_ended(OnEnded listener) { on_ended_ = std::move(listener); }
  // A tunnel has more or fewer jobs than before.
  void on_jobs_changed(OnJobs listener) { on_jobs_ = std::move(listener); }

  TunnelRegistry& tunnels() { return tunnels_; }
  const TunnelRegistry& tunnels() const { return tunnels_; }
  JobRegistry& jobs() { return jobs_; }
  RetryPolicy& retries() { return retries_; }
  AdmissionPolicy& admission() { return admission_; }
  Instant now() const { return loop_.now(); }
  Moment moment() const { return {now(), loop_.wall_now()}; }

  // After every change of a registry.
  void settle();
  // Stores what settle() has noted, at once. Without it that happens within a tenth of a second.
  void flush();

  // Looks again for accounts that another process may have added, when the name or key is unknown.
  bool login_is_right(std::string_view user, std::string_view key);
  // Reads the accounts anew; tunnels and jobs of accounts that are gone end.
  void reload_accounts(std::vector<Account> configured);

  // The tunnel's shared secret: derived from the server's key and its id, so that it is stored
  // nowhere and survives a restart.
  Bytes connect_secret(const TunnelId& id) const;

 private:
  void housekeeping();
  void tell_of_jobs(const JobChanges& changes);
  void schedule_flush(Duration delay);
  Result<std::vector<Account>> all_accounts();
  void refresh_accounts();

  EventLoop& loop_;
  Log& log_;
  Metrics& metrics_;
  SqliteStore store_;
  Secret server_key_;
  TunnelRegistry tunnels_;
  JobRegistry jobs_;
  RetryPolicy retries_;
  AdmissionPolicy admission_;
  std::vector<Account> configured_;
  std::int64_t data_version_ = 0;
  OnEnded on_ended_;
  OnJobs on_jobs_;
  std::set<TunnelId> dirty_tunnels_;
  std::set<TunnelId> forgotten_tunnels_;
  std::set<JobId> dirty_jobs_;
  std::set<JobId> erased_jobs_;
  Timer housekeeping_timer_;
  Timer flush_timer_;
  bool store_is_failing_ = false;
};

}  // namespace scpool::server
