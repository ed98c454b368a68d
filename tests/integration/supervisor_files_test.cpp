// The supervisor's files on a real file system: state, lock, and what the service manager reads.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "supervisor/io/files.hpp"
#include "supervisor/io/log_keeper.hpp"
#include "supervisor/io/log_tail.hpp"
#include "supervisor/io/pool_lock.hpp"
#include "supervisor/io/service_notify.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/worker_files.hpp"

using namespace scpool;
using namespace scpool::supervisor;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "scpool-test-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

StoredState example() {
  StoredState state;
  state.instance = "0123456789abcdef";
  state.boot_id = current_boot_id();
  state.pool.next_generation = 42;
  state.pool.size = 5;
  WorkerRecord worker;
  worker.worker = {{0}, {40}};
  worker.state = WorkerState::Draining;
  worker.started_at = Instant{std::chrono::seconds{7}};
  worker.tunnel = TunnelId{"0123456789abcdef0123456789abcdef"};
  worker.config = {~0ULL};
  worker.restart_wished = true;
  state.pool.workers.push_back(worker);
  SlotRecord slot;
  slot.slot = {1};
  slot.state = VacancyState::Backoff;
  slot.last_cause = ExitCause::NameCollision;
  slot.failures = 3;
  state.pool.slots.push_back(slot);
  state.pool.rollout.state = RolloutState::Paused;
  state.pool.rollout.reason = {ReasonKind::RolloutFailed, "worker 2.41 \xff"};
  state.pool.condemned.push_back(TunnelId{"ffffffffffffffffffffffffffffffff"});
  state.processes.push_back(
      {{{0}, {40}}, 4711, 123456789, "sauce-connect-5", {5, 1, 2}, "127.0.0.1:8032"});
  return state;
}

}  // namespace

TEST_CASE("a pool's record comes back as it was written, mode 0600") {
  const TemporaryDirectory directory;
  StateFile file(directory.file("state.json"));
  REQUIRE(file.save(example()).ok());
  const auto loaded = StateFile(directory.file("state.json")).load();
  REQUIRE(loaded.ok());
  const PoolRecord& pool = loaded.value().pool;
  CHECK(loaded.value().instance == "0123456789abcdef");
  CHECK(loaded.value().boot_id == current_boot_id());
  CHECK(loaded.value().processes == example().processes);
  CHECK(pool.next_generation == 42);
  CHECK(pool.size == 5);
  REQUIRE(pool.workers.size() == 1);
  CHECK(pool.workers[0].worker == WorkerId{{0}, {40}});
  CHECK(pool.workers[0].state == WorkerState::Draining);
  CHECK(pool.workers[0].started_at == Instant{std::chrono::seconds{7}});
  CHECK(pool.workers[0].deadline == kNever);
  CHECK(pool.workers[0].config.value == ~0ULL);
  CHECK(pool.workers[0].restart_wished);
  REQUIRE(pool.slots.size() == 1);
  CHECK(pool.slots[0].last_cause == ExitCause::NameCollision);
  CHECK(pool.rollout.state == RolloutState::Paused);
  CHECK(pool.rollout.reason.kind == ReasonKind::RolloutFailed);
  CHECK(pool.condemned.size() == 1);
  // Everything came back: written again, it is the same file (bytes that are no UTF-8 apart).
  CHECK(state_to_json(loaded.value()) == state_to_json(example()));
  struct stat facts {};
  REQUIRE(stat(directory.file("state.json").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600U);
}

TEST_CASE(
    "a shorter record leaves nothing of a longer one, and the file before waits to be "
    "overwritten") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state.json");
  StateFile file(path);
  const auto content_of = [](const std::string& name) {
    std::ifstream stream(name);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  StoredState state = example();
  for (const std::size_t processes : {5U, 1U, 3U, 0U}) {
    const std::string before = content_of(path);
    state.processes.assign(processes, example().processes.front());
    REQUIRE(file.save(state).ok());
    CHECK(content_of(path) == state_to_json(state));
    CHECK(content_of(path + ".before") == before);
  }
}

TEST_CASE("no file is a new pool; a broken one is an error and stays") {
  const TemporaryDirectory directory;
  CHECK(StateFile(directory.file("none")).load().value().instance.empty());
  for (const char* content : {"",
                              "{",
                              "[]",
                              "{\"version\":99}",
                              "{\"version\":1}",
                              R"({"version":1,"next_generation":"x","processes":[]})",
                              R"({"version":1,"next_generation":3,"processes":[{"pid":-1}]})"}) {
    CAPTURE(content);
    std::ofstream(directory.file("state.json")) << content;
    const auto loaded = StateFile(directory.file("state.json")).load();
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.error().sentence().find("state.json") != std::string::npos);
    CHECK(std::filesystem::file_size(directory.file("state.json")) == std::strlen(content));
  }
}

TEST_CASE("run files of dead workers are removed, those of living ones and of others stay") {
  const TemporaryDirectory directory;
  PoolDirectories directories;
  directories.runtime = directory.file("");
  directories.logs = directory.file("");
  for (const char* name :
       {"p-0.7.pid", "p-0.7.sock", "p-1.8.pid", "p-1.x.pid", "q-0.7.pid", "control.sock"}) {
    std::ofstream(directory.file(name)) << "1 2";
  }
  CHECK(highest_generation(directories, "p") == 8);
  remove_stale_run_files(directories, "p", {WorkerId{{1}, {8}}});
  CHECK_FALSE(std::filesystem::exists(directory.file("p-0.7.pid")));
  CHECK_FALSE(std::filesystem::exists(directory.file("p-0.7.sock")));
  for (const char* kept : {"p-1.8.pid", "p-1.x.pid", "q-0.7.pid", "control.sock"}) {
    CHECK(std::filesystem::exists(directory.file(kept)));
  }
}

TEST_CASE("a record torn by the end of the machine gives way to the synced one of that boot") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("state.json");
  StoredState state = example();
  const auto load_torn = [&state, &path] {
    StateFile file(path);
    REQUIRE(file.save(state).ok());
    REQUIRE(file.sync().ok());
    std::ofstream(path, std::ios::trunc) << "{";
    return StateFile(path).load();
  };
  CHECK_FALSE(load_torn().ok());  // of this boot: torn by something else
  state.boot_id = "an earlier boot";
  state.pool.next_generation = 77;
  const auto loaded = load_torn();
  REQUIRE(loaded.ok());
  CHECK(loaded.value().pool.next_generation == 77);
  struct stat facts {};
  REQUIRE(stat((path + ".synced").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600U);
}

TEST_CASE("a record that cannot be written says where and keeps the old one") {
  const TemporaryDirectory directory;
  StateFile nowhere(directory.file("missing/state.json"));
  const auto saved = nowhere.save(example());
  REQUIRE_FALSE(saved.ok());
  CHECK(saved.error().sentence().find("missing/state.json") != std::string::npos);
}

TEST_CASE("a secret others may read is refused; a credential's ACL is no such thing") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("key");
  std::ofstream(path) << "topsecret\r\n";
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CHECK(read_secret_file(path).value().reveal() == "topsecret");
  REQUIRE(chmod(path.c_str(), 0440) == 0);
  CHECK(read_secret_file(path).error().sentence().find("chmod 600") != std::string::npos);
  const std::string folder = path.substr(0, path.rfind('/'));
  CHECK(read_credential(folder, "key").value().reveal() == "topsecret");
  REQUIRE(chmod(path.c_str(), 0444) == 0);
  CHECK_FALSE(read_credential(folder, "key").ok());
  CHECK(read_credential(folder, "none").error().sentence().find("none") != std::string::npos);
}

TEST_CASE("the pool's lock has one holder, names it, and goes with it") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("supervisor.pid");
  {
    const auto first = PoolLock::take(path);
    REQUIRE(first.ok());
    const auto second = PoolLock::take(path);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().kind() == ErrorKind::Exists);
    CHECK(second.error().sentence().find(std::to_string(getpid())) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(PoolLock::take(path).ok());
}

TEST_CASE("a lock whose holder was killed is free") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("supervisor.pid");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto lock = PoolLock::take(path);
    _exit(lock.ok() ? 0 : 1);  // without the destructor: as kill -9 would
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(std::filesystem::exists(path));
  CHECK(PoolLock::take(path).ok());
}

TEST_CASE("the service manager is told, and its variables reach no child") {
  const TemporaryDirectory directory;
  const int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
  REQUIRE(manager >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, directory.file("notify").c_str(), sizeof address.sun_path - 1);
  REQUIRE(bind(manager, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  setenv("NOTIFY_SOCKET", address.sun_path, 1);
  setenv("WATCHDOG_USEC", "4000000", 1);
  ServiceNotify notify;
  CHECK(notify.listened_to());
  CHECK(notify.watchdog_period() == std::chrono::seconds{2});
  const auto received = [manager] {
    std::array<char, 256> buffer{};
    const ssize_t count = recv(manager, buffer.data(), buffer.size(), 0);
    return count < 0 ? std::string{} : std::string(buffer.data(), static_cast<std::size_t>(count));
  };
  notify.ready();
  CHECK(received() == "READY=1");
  notify.status("3 of 3 workers ready");
  notify.status("3 of 3 workers ready");
  notify.stopping();
  CHECK(received() == "STATUS=3 of 3 workers ready");
  CHECK(received() == "STOPPING=1");
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
  close(manager);

  unsetenv("LISTEN_FDS");
  ServiceNotify silent;
  CHECK_FALSE(silent.listened_to());
  silent.ready();
}

TEST_CASE("a large log is rotated and the oldest goes") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("web-0.1.log");
  const LogKeeper keeper({directory.file(""), "web", 10, 2, {}});
  for (const char* content : {"first long enough", "second long enough", "third long enough"}) {
    std::ofstream(path) << content;
    CHECK(keeper.rotate_if_large(path));
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK(last_lines(path + ".1", 1).at(0) == "third long enough");
  CHECK(last_lines(path + ".2", 1).at(0) == "second long enough");
  CHECK_FALSE(std::filesystem::exists(path + ".3"));
  std::ofstream(path) << "short";
  CHECK_FALSE(keeper.rotate_if_large(path));
}

TEST_CASE("the oldest logs go until all are within the limit, never one that is written") {
  const TemporaryDirectory directory;
  const std::string folder = directory.file("");
  const std::string base = folder.substr(0, folder.size() - 1);
  const auto start = std::filesystem::file_time_type::clock::now();
  int age = 100;
  for (const char* name :
       {"web-1.7.log", "web.log", "web-0.1.log", "web-1.7.log.1", "web-0.2.log"}) {
    std::ofstream(directory.file(name)) << std::string(100, 'x');
    std::filesystem::last_write_time(directory.file(name), start - std::chrono::hours{age--});
  }
  std::ofstream(directory.file("other-0.1.log")) << std::string(10000, 'x');
  LogKeeper({base, "web", 0, 0, {}, 500}).limit_total({});
  CHECK(std::filesystem::exists(directory.file("web-1.7.log")));
  const std::set<std::string> current = {base + "/web-1.7.log"};
  LogKeeper({base, "web", 0, 0, {}, 350}).limit_total(current);
  CHECK_FALSE(std::filesystem::exists(directory.file("web-0.1.log")));
  CHECK_FALSE(std::filesystem::exists(directory.file("web-1.7.log.1")));
  CHECK(std::filesystem::exists(directory.file("web-0.2.log")));
  LogKeeper({base, "web", 0, 0, {}, 1}).limit_total(current);
  CHECK_FALSE(std::filesystem::exists(directory.file("web-0.2.log")));
  for (const char* name : {"web-1.7.log", "web.log", "other-0.1.log"}) {
    CAPTURE(name);
    CHECK(std::filesystem::exists(directory.file(name)));
  }
}

TEST_CASE("old logs of past workers are removed, nothing else is") {
  const TemporaryDirectory directory;
  const std::string folder = directory.file("");
  const std::string base = folder.substr(0, folder.size() - 1);
  for (const char* name : {"web-0.1.log",
                           "web-0.1.log.2",
                           "web-1.7.log",
                           "web.log",
                           "web-x.log",
                           "other-0.1.log",
                           "web-server.log"}) {
    std::ofstream(directory.file(name)) << "x";
  }
  const LogKeeper keeper({base, "web", 0, 0, std::chrono::hours{1}});
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  keeper.remove_old({}, now);
  CHECK(std::filesystem::exists(directory.file("web-0.1.log")));
  keeper.remove_old({base + "/web-1.7.log"}, now + std::chrono::hours{2});
  CHECK_FALSE(std::filesystem::exists(directory.file("web-0.1.log")));
  CHECK_FALSE(std::filesystem::exists(directory.file("web-0.1.log.2")));
  for (const char* kept :
       {"web-1.7.log", "web.log", "web-x.log", "other-0.1.log", "web-server.log"}) {
    CAPTURE(kept);
    CHECK(std::filesystem::exists(directory.file(kept)));
  }
}

TEST_CASE("a follower starts at the last lines and goes on across a rotation") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("x.log");
  std::ofstream(path) << "one\ntwo\nthree\n";
  LogFollower follower(path, 2);
  CHECK(follower.read_new() == "two\nthree\n");
  std::ofstream(path, std::ios::app) << "half";
  CHECK(follower.read_new().empty());
  std::ofstream(path, std::ios::app) << " whole\n";
  CHECK(follower.read_new() == "half whole\n");
  std::filesystem::rename(path, path + ".1");
  std::ofstream(path) << "new file\n";
  const std::string first = follower.read_new();
  CHECK(first + follower.read_new() == "new file\n");
  CHECK(last_lines(directory.file("none"), 3).empty());
}
