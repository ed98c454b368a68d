#include "server/io/sqlite_store.hpp"

#include <sqlite3.h>

#include <functional>
#include <utility>

namespace scpool::server {

namespace {

constexpr int kSchemaVersion = 1;
// Another process writes an account for a moment only; longer than this the loop must not stand.
constexpr int kBusyMilliseconds = 250;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY, salt TEXT NOT NULL, key_hash TEXT NOT NULL, max_tunnels INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tunnels (
  id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, kind INTEGER NOT NULL, account TEXT NOT NULL, tunnel_name TEXT NOT NULL,
  label TEXT NOT NULL, pinned INTEGER NOT NULL, tunnel TEXT NOT NULL,
  credential_hash TEXT NOT NULL, started INTEGER NOT NULL);
)";

}  // namespace

struct SqliteStore::Database {
  explicit Database(std::string file) : path(std::move(file)) {}
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close_v2(handle); }

  Error error(const std::string& what) const {
    const int code = sqlite3_extended_errcode(handle) & 0xff;
    const ErrorKind kind = code == SQLITE_FULL ? ErrorKind::Exhausted : ErrorKind::System;
    return {kind, path + ": cannot " + what + ": " + sqlite3_errmsg(handle)};
  }

  Result<void> execute(const char* sql, const std::string& what) const {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return error(what);
    }
    return {};
  }

  std::string path;
  sqlite3* handle = nullptr;
};

namespace {

// One prepared statement; parameters count from 1 in the order they are bound.
class Statement {
 public:
  Statement(sqlite3* handle, const char* sql) {
    sqlite3_prepare_v2(handle, sql, -1, &native_, nullptr);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(native_); }

  Statement& bind(const std::string& text) {
    sqlite3_bind_text(
        native_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(std::int64_t number) {
    sqlite3_bind_int64(native_, ++bound_, number);
    return *this;
  }
  // SQLITE_ROW, SQLITE_DONE or an error; MISUSE when it could not be prepared.
  int step() { return native_ == nullptr ? SQLITE_MISUSE : sqlite3_step(native_); }
  bool run() { return step() == SQLITE_DONE; }
  void again() {
    sqlite3_reset(native_);
    bound_ = 0;
  }

  std::string text(int column) const {
    const auto* bytes = sqlite3_column_text(native_, column);
    return bytes == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(bytes),
                             static_cast<std::size_t>(sqlite3_column_bytes(native_, column)));
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(native_, column); }

 private:
  sqlite3_stmt* native_ = nullptr;
  int bound_ = 0;
};

bool save_tunnels(sqlite3* handle, const StoreChanges& changes) {
  Statement save(handle, "INSERT OR REPLACE INTO tunnels VALUES (?, ?, ?, ?)");
  for (const Tunnel* tunnel : changes.tunnels) {
    save.bind(tunnel->state.id.value)
        .bind(static_cast<std::int64_t>(tunnel->sequence))
        .bind(tunnel->state.owner)
        .bind(to_json(tunnel->state));
    if (!save.run()) {
      return false;
    }
    save.again();
  }
  Statement forget(handle, "DELETE FROM tunnels WHERE id = ?");
  for (const TunnelId& id : changes.forgotten_tunnels) {
    if (!forget.bind(id.value).run()) {
      return false;
    }
    forget.again();
  }
  return true;
}

bool save_jobs(sqlite3* handle, const StoreChanges& changes) {
  Statement save(handle, "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Job* job : changes.jobs) {
    save.bind(job->id.value)
        .bind(std::int64_t{job->kind == JobKind::Explicit ? 1 : 0})
        .bind(job->address.account)
        .bind(job->address.tunnel_name)
        .bind(job->address.label)
        .bind(std::int64_t{job->pinned ? 1 : 0})
        .bind(job->tunnel.value)
        .bind(job->credential_hash)
        .bind(unix_seconds(job->started));
    if (!save.run()) {
      return false;
    }
    save.again();
  }
  Statement erase(handle, "DELETE FROM jobs WHERE id = ?");
  for (const JobId& id : changes.erased_jobs) {
    if (!erase.bind(id.value).run()) {
      return false;
    }
    erase.again();
  }
  return true;
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
SqliteStore::SqliteStore(SqliteStore&&) noexcept = default;
SqliteStore& SqliteStore::operator=(SqliteStore&&) noexcept = default;
SqliteStore::~SqliteStore() = default;

Result<SqliteStore> SqliteStore::open(const std::string& path) {
  auto database = std::make_unique<Database>(path);
  if (sqlite3_open(path.c_str(), &database->handle) != SQLITE_OK) {
    return database->error("open the state");
  }
  sqlite3_extended_result_codes(database->handle, 1);
  sqlite3_busy_timeout(database->handle, kBusyMilliseconds);
  // A flush that the last second's power cut takes away is no harm: workers register again.
  if (auto set =
          database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", "open the state");
      !set) {
    return set.error();
  }
  int version = 0;
  {
    Statement ask(database->handle, "PRAGMA user_version");
    if (ask.step() != SQLITE_ROW) {
      return database->error("read the state");
    }
    version = static_cast<int>(ask.number(0));
  }
  if (version > kSchemaVersion) {
    return Error(ErrorKind::Invalid,
                 path + " was written by a newer sc-server (schema " + std::to_string(version) +
                     ", this one knows " + std::to_string(kSchemaVersion) + ")");
  }
  if (version < kSchemaVersion) {
    const std::string mark = "PRAGMA user_version=" + std::to_string(kSchemaVersion);
    for (const char* sql : {kSchema, mark.c_str()}) {
      if (auto made = database->execute(sql, "set up the state"); !made) {
        return made.error();
      }
    }
  }
  return SqliteStore(std::move(database));
}

Result<void> SqliteStore::add_account(const Account& account) {
  Statement insert(database_->handle, "INSERT INTO accounts VALUES (?, ?, ?, ?)");
  insert.bind(account.name)
      .bind(account.salt)
      .bind(account.key_hash)
      .bind(static_cast<std::int64_t>(account.max_tunnels));
  const int outcome = insert.step();
  if ((outcome & 0xff) == SQLITE_CONSTRAINT) {
    return Error(ErrorKind::Exists, "the account \"" + account.name + "\" exists already");
  }
  if (outcome != SQLITE_DONE) {
    return database_->error("add an account");
  }
  return {};
}

Result<void> SqliteStore::remove_account(const std::string& name) {
  Statement remove(database_->handle, "DELETE FROM accounts WHERE name = ?");
  if (!remove.bind(name).run()) {
    return database_->error("remove an account");
  }
  if (sqlite3_changes(database_->handle) == 0) {
    return Error(ErrorKind::NotFound, "there is no account \"" + name + "\"");
  }
  return {};
}

Result<std::vector<Account>> SqliteStore::accounts() {
  Statement ask(database_->handle, "SELECT name, salt, key_hash, max_tunnels FROM accounts");
  std::vector<Account> result;
  int outcome = SQLITE_ROW;
  while ((outcome = ask.step()) == SQLITE_ROW) {
    result.push_back({ask.text(0),
                      ask.text(1),
                      ask.text(2),
                      static_cast<std::size_t>(ask.number(3)),
                      Account::Source::Store});
  }
  if (outcome != SQLITE_DONE) {
    return database_->error("read the accounts");
  }
  return result;
}

std::int64_t SqliteStore::data_version() {
  Statement ask(database_->handle, "PRAGMA data_version");
  return ask.step() == SQLITE_ROW ? ask.number(0) : -1;
}

Result<void> SqliteStore::save(const StoreChanges& changes) {
  if (auto begun = database_->execute("BEGIN IMMEDIATE", "write the state"); !begun) {
    return begun;
  }
  if (save_tunnels(database_->handle, changes) && save_jobs(database_->handle, changes)) {
    if (auto done = database_->execute("COMMIT", "write the state"); done) {
      return done;
    }
  }
  Error error = database_->error("write the state");
  sqlite3_exec(database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return error;
}

Result<std::vector<TunnelState>> SqliteStore::tunnels() {
  Statement ask(database_->handle, "SELECT id, state FROM tunnels ORDER BY sequence");
  std::vector<TunnelState> result;
  int outcome = SQLITE_ROW;
  while ((outcome = ask.step()) == SQLITE_ROW) {
    Result<TunnelState> state = parse_tunnel_state(ask.text(1));
    if (!state) {
      return state.error().within(database_->path + ": tunnel " + ask.text(0));
    }
    result.push_back(std::move(state).value());
  }
  if (outcome != SQLITE_DONE) {
    return database_->error("read the tunnels");
  }
  return result;
}

Result<std::vector<Job>> SqliteStore::jobs() {
  Statement ask(database_->handle,
                "SELECT id, kind, account, tunnel_name, label, pinned, tunnel, credential_hash, "
                "started FROM jobs");
  std::vector<Job> result;
  int outcome = SQLITE_ROW;
  while ((outcome = ask.step()) == SQLITE_ROW) {
    Job job;
    job.id = JobId{ask.text(0)};
    job.kind = ask.number(1) == 1 ? JobKind::Explicit : JobKind::Implicit;
    job.address = {ask.text(2), ask.text(3), ask.text(4)};
    job.pinned = ask.number(5) == 1;
    job.tunnel = TunnelId{ask.text(6)};
    job.credential_hash = ask.text(7);
    job.started = wall_time_from_unix(ask.number(8));
    result.push_back(std::move(job));
  }
  if (outcome != SQLITE_DONE) {
    return database_->error("read the jobs");
  }
  return result;
}

}  // namespace scpool::server
