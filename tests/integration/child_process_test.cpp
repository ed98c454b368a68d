#include "common/io/child_process.hpp"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;

namespace {

SpawnPlan probe(std::vector<std::string> arguments) {
  SpawnPlan plan;
  plan.program = SCPOOL_INHERITANCE_PROBE;
  plan.arguments = std::move(arguments);
  return plan;
}

struct Pipe {
  Pipe() { REQUIRE(pipe2(ends, O_CLOEXEC) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(ends[0]);
    close_writing();
  }
  void close_writing() {
    if (ends[1] >= 0) {
      close(ends[1]);
      ends[1] = -1;
    }
  }
  // Everything until the last writer has gone, or until `enough` bytes are there.
  std::string read_all(std::size_t enough = SIZE_MAX) {
    std::string all;
    char part[4096];
    while (all.size() < enough) {
      const ssize_t size = read(ends[0], part, std::min(sizeof part, enough - all.size()));
      if (size <= 0) {
        break;
      }
      all.append(part, static_cast<std::size_t>(size));
    }
    return all;
  }
  int ends[2] = {-1, -1};
};

std::multimap<std::string, std::string> report_of(const std::string& text) {
  std::multimap<std::string, std::string> report;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t blank = line.find(' ');
    report.emplace(line.substr(0, blank), line.substr(blank + 1));
  }
  return report;
}

std::set<std::string> values(const std::multimap<std::string, std::string>& report,
                             const std::string& key) {
  std::set<std::string> found;
  for (auto [it, end] = report.equal_range(key); it != end; ++it) {
    found.insert(it->second);
  }
  return found;
}

ProcessExit run(EventLoop& loop, const SpawnPlan& plan) {
  std::optional<ProcessExit> end;
  auto child = ChildProcess::spawn(loop, plan, [&](ProcessExit seen) { end = seen; });
  REQUIRE(child.ok());
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK_FALSE(child.value()->running());
  child.value()->signal(SIGKILL);  // finds nobody
  return *end;
}

bool has_children() {
  return !(waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD);
}

}  // namespace

TEST_CASE("a child inherits exactly what the contract says") {
  EventLoop loop;
  const TemporaryDirectory directory;
  // All that must not get through: descriptors without close-on-exec, a signal mask, ignored
  // signals, our environment.
  const int loose = ::open("/dev/null", O_RDONLY);
  const int high = fcntl(loose, F_DUPFD, 300);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  setenv("OURS_ALONE", "1", 1);

  Pipe out;
  Pipe err;
  SpawnPlan plan = probe({"report", "two words", ""});
  plan.environment = {{"A", "1"}, {"B", "x=y z"}};
  plan.working_directory = std::filesystem::canonical(directory.path("")).string();
  plan.stdout_descriptor = out.ends[1];
  plan.stderr_descriptor = err.ends[1];
  plan.open_files_limit = 123;
  CHECK(run(loop, plan).text() == "exited with 0");
  CHECK(fcntl(out.ends[1], F_GETFD) >= 0);  // stays ours
  out.close_writing();
  err.close_writing();
  const auto report = report_of(out.read_all());
  CHECK(values(report, "descriptor") == std::set<std::string>{"0", "1", "2"});
  CHECK(values(report, "input") == std::set<std::string>{"null"});
  CHECK(values(report, "SigBlk") == std::set<std::string>{"0000000000000000"});
  CHECK(values(report, "SigIgn") == std::set<std::string>{"0000000000000000"});
#ifndef __SANITIZE_ADDRESS__
  CHECK(values(report, "SigCgt") == std::set<std::string>{"0000000000000000"});
#endif
  CHECK(values(report, "leader") == std::set<std::string>{"yes"});
  CHECK(values(report, "files") == std::set<std::string>{"123"});
  CHECK(values(report, "directory") == std::set<std::string>{plan.working_directory});
  CHECK(values(report, "environment") == std::set<std::string>{"A=1", "B=x=y z"});
  CHECK(values(report, "argument") == std::set<std::string>{"report", "two words", ""});
  CHECK(err.read_all() == "to standard error\n");

  sigset_t after;
  sigprocmask(SIG_SETMASK, &before, &after);
  CHECK(sigismember(&after, SIGTERM) == 1);  // ours is as it was
  CHECK(sigismember(&after, SIGINT) == 0);
  ::signal(SIGHUP, SIG_DFL);
  close(loose);
  close(high);
}

TEST_CASE("standard streams may be swapped or be the low numbers themselves") {
  EventLoop loop;
  Pipe out;
  Pipe err;
  const int saved_out = dup(STDOUT_FILENO);
  const int saved_err = dup(STDERR_FILENO);
  dup2(err.ends[1], STDOUT_FILENO);
  dup2(out.ends[1], STDERR_FILENO);
  SpawnPlan plan = probe({});
  plan.stdout_descriptor = STDERR_FILENO;
  plan.stderr_descriptor = STDOUT_FILENO;
  std::optional<ProcessExit> end;
  auto child = ChildProcess::spawn(loop, plan, [&](ProcessExit seen) { end = seen; });
  dup2(saved_out, STDOUT_FILENO);
  dup2(saved_err, STDERR_FILENO);
  close(saved_out);
  close(saved_err);
  REQUIRE(child.ok());
  run_until(loop, [&] { return end.has_value(); });
  out.close_writing();
  err.close_writing();
  CHECK(err.read_all() == "to standard error\n");
  CHECK(out.read_all().find("leader yes") != std::string::npos);
}

TEST_CASE("an end is told as it was") {
  EventLoop loop;
  CHECK(run(loop, probe({"exit", "0"})).text() == "exited with 0");
  const ProcessExit failed = run(loop, probe({"exit", "77"}));
  CHECK(failed.status == 77);
  CHECK(failed.signal == 0);
  CHECK(failed.max_resident_bytes > 100 * 1024);
  const ProcessExit killed = run(loop, probe({"die", "9"}));
  CHECK(killed.signal == SIGKILL);
  CHECK(killed.text() == "killed by SIGKILL");
  CHECK(run(loop, probe({"die", "15"})).text() == "killed by SIGTERM");
}

TEST_CASE("what cannot be started says why, and leaves no child") {
  EventLoop loop;
  const TemporaryDirectory directory;
  const auto start = [&](const SpawnPlan& plan) {
    const auto child = ChildProcess::spawn(loop, plan, [](ProcessExit) { FAIL("never started"); });
    REQUIRE_FALSE(child.ok());
    return child.error();
  };
  SpawnPlan missing;
  missing.program = "/nonexistent/program";
  CHECK(start(missing).sentence() ==
        "cannot start /nonexistent/program: No such file or directory");
  SpawnPlan not_executable;
  not_executable.program = directory.write("text", "hello");
  CHECK(start(not_executable).kind() == ErrorKind::Denied);
  SpawnPlan nowhere = probe({});
  nowhere.working_directory = "/nonexistent";
  CHECK(start(nowhere).sentence().find("working directory /nonexistent") != std::string::npos);
  SpawnPlan bad_output = probe({});
  bad_output.stdout_descriptor = 987;
  CHECK(start(bad_output).sentence().find("Bad file descriptor") != std::string::npos);
  CHECK_FALSE(has_children());
}

TEST_CASE("a hundred children at once all report, and none stays a zombie") {
  EventLoop loop;
  std::vector<std::unique_ptr<ChildProcess>> children;
  std::multiset<int> codes;
  for (int i = 0; i < 100; ++i) {
    auto child = ChildProcess::spawn(loop,
                                     probe({"exit", std::to_string(i)}),
                                     [&](ProcessExit end) { codes.insert(end.status); });
    REQUIRE(child.ok());
    children.push_back(std::move(child).value());
  }
  REQUIRE(run_until(loop, [&] { return codes.size() == 100; }));
  for (int i = 0; i < 100; ++i) {
    CHECK(codes.count(i) == 1);
  }
  CHECK_FALSE(has_children());
}

TEST_CASE("a signal to the group reaches what the child has started") {
  EventLoop loop;
  Pipe out;
  SpawnPlan plan = probe({"family"});
  plan.stdout_descriptor = out.ends[1];
  std::optional<ProcessExit> end;
  auto child = ChildProcess::spawn(loop, plan, [&](ProcessExit seen) { end = seen; });
  REQUIRE(child.ok());
  out.close_writing();
  out.read_all(std::string("parent\nwaiting\n").size());
  CHECK(child.value()->running());
  child.value()->signal_group(SIGTERM);
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK(end->signal == SIGTERM);
  CHECK(out.read_all().empty());  // returns only when the grandchild has closed its end, too
}

TEST_CASE("the exit may destroy its child object, and a child without one is reaped later") {
  EventLoop loop;
  std::unique_ptr<ChildProcess> child;
  bool told = false;
  auto spawned = ChildProcess::spawn(loop, probe({"exit", "3"}), [&](ProcessExit end) {
    CHECK(end.status == 3);
    child.reset();
    told = true;
  });
  REQUIRE(spawned.ok());
  child = std::move(spawned).value();
  REQUIRE(run_until(loop, [&] { return told; }));

  int left_pid = 0;
  {
    auto left =
        ChildProcess::spawn(loop, probe({"wait"}), [](ProcessExit) { FAIL("its owner has gone"); });
    REQUIRE(left.ok());
    left_pid = left.value()->pid();
  }
  CHECK(kill(left_pid, 0) == 0);  // lives on
  kill(left_pid, SIGKILL);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(left_pid), &info, WEXITED | WNOWAIT);
  run(loop, probe({"exit", "0"}));
  CHECK_FALSE(has_children());
}

TEST_CASE("facts of a process") {
  EventLoop loop;
  Pipe out;
  SpawnPlan plan = probe({"wait"});
  plan.stdout_descriptor = out.ends[1];
  bool ended = false;
  auto child = ChildProcess::spawn(loop, plan, [&](ProcessExit) { ended = true; });
  REQUIRE(child.ok());
  out.read_all(1);
  const auto facts = read_process_facts(child.value()->pid());
  REQUIRE(facts.has_value());
  CHECK(facts->start_time == child.value()->start_time());
  CHECK(facts->start_time > 0);
  CHECK(facts->resident_bytes > 0);
  CHECK(facts->open_descriptors == 3);
  CHECK(facts->command == "inheritance_pro");  // the kernel keeps 15 characters
  child.value()->signal(SIGKILL);
  run_until(loop, [&] { return ended; });
  CHECK_FALSE(read_process_facts(child.value()->pid()).has_value());
  CHECK_FALSE(read_process_facts(0).has_value());
}

namespace {

// Not by ChildProcess: what an earlier program has started.
int start_apart(const std::vector<std::string>& words, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid = 0;
  CHECK(posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

ProcessIdentity identity_of(int pid) {
  return {pid, read_process_facts(pid).value_or(ProcessFacts{}).start_time};
}

// The process whose pid the script wrote as a line.
ProcessIdentity announced_by(Pipe& out) {
  std::string line;
  while (!line.ends_with('\n')) {
    line += out.read_all(1);
  }
  return identity_of(std::stoi(line));
}

bool kernel_tells_strangers_ends() {
  utsname system{};
  int major = 0;
  int minor = 0;
  return uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 15));
}

}  // namespace

TEST_CASE("a child that an earlier program of this process started is reaped and its end told") {
  EventLoop loop;
  Pipe out;
  const int pid = start_apart({SCPOOL_INHERITANCE_PROBE, "wait"}, out.ends[1]);
  out.read_all(1);
  std::optional<ProcessExit> end;
  auto child = ChildProcess::adopt(loop, identity_of(pid), [&](ProcessExit seen) { end = seen; });
  REQUIRE(child.ok());
  child.value()->signal(SIGTERM);
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK(end->seen);
  CHECK(end->signal == SIGTERM);
  CHECK_FALSE(has_children());
}

TEST_CASE("of somebody else's child the end is seen, and how it ended where the kernel tells") {
  EventLoop loop;
  Pipe out;
  const std::string script = "\"$0\" wait >&2 & echo $!; wait";
  const int shell = start_apart({"/bin/sh", "-c", script, SCPOOL_INHERITANCE_PROBE}, out.ends[1]);
  const ProcessIdentity stranger = announced_by(out);
  std::optional<ProcessExit> end;
  auto watched = ChildProcess::adopt(loop, stranger, [&](ProcessExit seen) { end = seen; });
  REQUIRE(watched.ok());
  OpenDescriptor kept(fcntl(watched.value()->pidfd(), F_DUPFD_CLOEXEC, 0));
  watched.value()->signal(SIGUSR1);
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK((end->seen || !kernel_tells_strangers_ends()));
  CHECK(end->signal == (end->seen ? SIGUSR1 : 0));
  waitpid(shell, nullptr, 0);

  CHECK(ChildProcess::adopt(loop, stranger, [](ProcessExit) {}).error().kind() ==
        ErrorKind::NotFound);
  // A pidfd that was kept still knows.
  end.reset();
  auto late =
      ChildProcess::adopt(loop, stranger, std::move(kept), [&](ProcessExit seen) { end = seen; });
  REQUIRE(late.ok());
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK(end->seen == kernel_tells_strangers_ends());
  CHECK(end->signal == (end->seen ? SIGUSR1 : 0));
}

TEST_CASE("an end that its parent does not take is told all the same") {
  EventLoop loop;
  Pipe out;
  // The parent sleeps and never waits: its child stays a zombie.
  const std::string script = "\"$0\" wait >&2 & echo $!; exec sleep 1000";
  const int parent = start_apart({"/bin/sh", "-c", script, SCPOOL_INHERITANCE_PROBE}, out.ends[1]);
  const ProcessIdentity stranger = announced_by(out);
  std::optional<ProcessExit> end;
  auto watched = ChildProcess::adopt(loop, stranger, [&](ProcessExit seen) { end = seen; });
  REQUIRE(watched.ok());
  watched.value()->signal(SIGUSR1);
  REQUIRE(run_until(loop, [&] { return end.has_value(); }));
  CHECK(end->seen);
  CHECK(end->signal == SIGUSR1);
  // It still has its line in /proc, but is nothing to take back.
  CHECK(ChildProcess::adopt(loop, stranger, [](ProcessExit) {}).error().kind() ==
        ErrorKind::NotFound);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
}

TEST_CASE("a pid that means another process by now, or a descriptor that is no pidfd, is refused") {
  EventLoop loop;
  const ProcessIdentity own = identity_of(getpid());
  const auto ignore = [](ProcessExit) {};
  CHECK_FALSE(ChildProcess::adopt(loop, {own.pid, own.start_time + 1}, ignore).ok());
  CHECK_FALSE(
      ChildProcess::adopt(loop, own, OpenDescriptor(open("/dev/null", O_RDONLY)), ignore).ok());
}
