// The server's state on disk (SQLite, WAL): accounts, tunnels with history, jobs. Written in one
// transaction per flush; a failure (disk full) is reported and tried again later, traffic goes on.
// A second process (`sc-server user add`) may write accounts at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "server/core/admission_policy.hpp"
#include "server/core/job_registry.hpp"
#include "server/core/tunnel_registry.hpp"

namespace scpool::server {

// What one flush writes.
struct StoreChanges {
  std::vector<const Tunnel*> tunnels;
  std::vector<TunnelId> forgotten_tunnels;
  std::vector<const Job*> jobs;
  std::vector<JobId> erased_jobs;
};

class SqliteStore {
 public:
  // Creates file and schema; a newer schema version is an error. Errors name the file.
  static Result<SqliteStore> open(const std::string& path);
  SqliteStore(SqliteStore&&) noexcept;
  SqliteStore& operator=(SqliteStore&&) noexcept;
  ~SqliteStore();

  Result<void> add_account(const Account& account);      // Exists when the name is taken
  Result<void> remove_account(const std::string& name);  // NotFound
  Result<std::vector<Account>> accounts();
  // Differs after another process has written.
  std::int64_t data_version();

  Result<void> save(const StoreChanges& changes);
  Result<std::vector<TunnelState>> tunnels();  // in order of registration
  Result<std::vector<Job>> jobs();

 private:
  struct Database;
  explicit SqliteStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace scpool::server
