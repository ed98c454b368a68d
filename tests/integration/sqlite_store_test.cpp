// The server's state on disk: what comes back, what two processes see, what a failure leaves.
#include "server/io/sqlite_store.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "tests/support/temporary_directory.hpp"

namespace scpool::server {
namespace {

Tunnel tunnel_named(const std::string& id, std::uint64_t sequence) {
  Tunnel tunnel;
  tunnel.sequence = sequence;
  tunnel.state.id = TunnelId{id};
  tunnel.state.owner = "ann";
  tunnel.state.status = TunnelStatus::Running;
  tunnel.state.tunnel_identifier = "pool";
  tunnel.state.tunnel_pool = true;
  tunnel.state.creation_time = 5;
  tunnel.state.metadata.hostname = "host";
  return tunnel;
}

TEST_CASE("tunnels, jobs and accounts come back as they were") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("state.sqlite");
  const Tunnel late = tunnel_named("b", 9);
  const Tunnel early = tunnel_named("a", 3);
  Job job;
  job.id = JobId{"j"};
  job.kind = JobKind::Explicit;
  job.address = {"ann", "pool", "label"};
  job.tunnel = TunnelId{"a"};
  job.credential_hash = "hash";
  job.started = wall_time_from_unix(7);
  {
    auto store = SqliteStore::open(path);
    REQUIRE(store.ok());
    CHECK(store.value().add_account({"ann", "salt", "hash", 4, Account::Source::Store}).ok());
    CHECK(store.value().add_account({"ann", "x", "y", 4, Account::Source::Store}).error().kind() ==
          ErrorKind::Exists);
    CHECK(store.value().save({{&late, &early}, {}, {&job}, {}}).ok());
  }
  auto store = SqliteStore::open(path);
  REQUIRE(store.ok());
  const auto tunnels = store.value().tunnels();
  REQUIRE(tunnels.ok());
  REQUIRE(tunnels.value().size() == 2);
  CHECK(tunnels.value()[0].id == TunnelId{"a"});
  CHECK(tunnels.value()[1].metadata.hostname == "host");
  const auto jobs = store.value().jobs();
  REQUIRE(jobs.ok());
  REQUIRE(jobs.value().size() == 1);
  CHECK(jobs.value()[0].kind == JobKind::Explicit);
  CHECK(jobs.value()[0].address.label == "label");
  CHECK(jobs.value()[0].started == job.started);
  CHECK(store.value().accounts().value().at(0).max_tunnels == 4);

  CHECK(store.value().save({{}, {TunnelId{"a"}}, {}, {JobId{"j"}}}).ok());
  CHECK(store.value().tunnels().value().size() == 1);
  CHECK(store.value().jobs().value().empty());
  CHECK(store.value().remove_account("ann").ok());
  CHECK(store.value().remove_account("ann").error().kind() == ErrorKind::NotFound);
}

TEST_CASE("an account added by another process is noticed") {
  const TemporaryDirectory directory;
  auto server = SqliteStore::open(directory.path("state.sqlite"));
  auto command = SqliteStore::open(directory.path("state.sqlite"));
  REQUIRE((server.ok() && command.ok()));
  const std::int64_t before = server.value().data_version();
  CHECK(server.value().data_version() == before);
  CHECK(command.value().add_account({"bob", "s", "h", 1, Account::Source::Store}).ok());
  CHECK(server.value().data_version() != before);
  CHECK(server.value().accounts().value().size() == 1);
}

TEST_CASE("what cannot be used or written is an error that names the file") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("state.sqlite");
  const auto nowhere = SqliteStore::open(directory.path("no/such/dir"));
  REQUIRE_FALSE(nowhere.ok());
  CHECK(nowhere.error().sentence().find("no/such/dir") != std::string::npos);
  const auto garbage = SqliteStore::open(directory.write("garbage", std::string(4096, 'x')));
  REQUIRE_FALSE(garbage.ok());
  CHECK(garbage.error().sentence().find("garbage") != std::string::npos);

  auto store = SqliteStore::open(path);
  REQUIRE(store.ok());
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  const Tunnel tunnel = tunnel_named("a", 1);
  const auto locked = store.value().save({{&tunnel}, {}, {}, {}});
  REQUIRE_FALSE(locked.ok());
  CHECK(locked.error().sentence().find(path) != std::string::npos);
  REQUIRE(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(store.value().save({{&tunnel}, {}, {}, {}}).ok());

  REQUIRE(sqlite3_exec(other, "PRAGMA user_version=99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  const auto newer = SqliteStore::open(path);
  REQUIRE_FALSE(newer.ok());
  CHECK(newer.error().sentence().find("newer sc-server") != std::string::npos);
}

}  // namespace
}  // namespace scpool::server
