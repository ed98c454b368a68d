// Spawn, signal, exit report; never a zombie. A child gets its own session, default signal
// dispositions, an empty signal mask, no descriptor but the three named. Its end is seen through a
// pidfd (SIGCHLD on kernels before 5.4); identity is never a bare pid.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/io/event_loop.hpp"
#include "common/io/open_descriptor.hpp"

namespace scpool {

struct SpawnPlan {
  std::string program;                                           // a path
  std::vector<std::string> arguments;                            // without argv[0]
  std::vector<std::pair<std::string, std::string>> environment;  // all of it
  std::string working_directory = "/";
  int stdout_descriptor = -1;  // -1: /dev/null; stays the caller's
  int stderr_descriptor = -1;
  std::optional<std::uint64_t> open_files_limit;  // soft RLIMIT_NOFILE
};

struct ProcessExit {
  int status = 0;  // exit code when `signal` is 0
  int signal = 0;
  bool core_dumped = false;
  bool seen = true;  // false: not our child, and the kernel does not tell how it ended
  std::uint64_t max_resident_bytes = 0;
  std::string text() const;  // "exited with 1", "killed by SIGKILL"
};

// Of a process for its whole life; a pid alone may come to mean another process.
struct ProcessIdentity {
  int pid = 0;
  std::uint64_t start_time = 0;  // of /proc/PID/stat, clock ticks since boot
};

class ChildProcess {
 public:
  // The error names the program and why it could not be started; nothing is left then.
  static Result<std::unique_ptr<ChildProcess>> spawn(EventLoop& loop,
                                                     const SpawnPlan& plan,
                                                     std::function<void(ProcessExit)> on_exit);
  // Watches a process that was started by an earlier run of our program, or by an earlier program
  // of this process, whose children are ours. NotFound: it has ended. System: the kernel has no
  // pidfds.
  static Result<std::unique_ptr<ChildProcess>> adopt(EventLoop& loop,
                                                     const ProcessIdentity& identity,
                                                     std::function<void(ProcessExit)> on_exit);
  // The same with a pidfd that was kept for us: also a process that has ended meanwhile, whose end
  // is then told. NotFound: the pidfd is not of that process.
  static Result<std::unique_ptr<ChildProcess>> adopt(EventLoop& loop,
                                                     const ProcessIdentity& identity,
                                                     OpenDescriptor pidfd,
                                                     std::function<void(ProcessExit)> on_exit);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Does not kill. A child that still runs is left to live and no longer watched; should it end
  // before us, the next spawn reaps it.
  ~ChildProcess();

  int pid() const;
  int pidfd() const;                 // stays ours; -1 on kernels without
  std::uint64_t start_time() const;  // of /proc/PID/stat, clock ticks since boot
  bool running() const;
  // To the process alone; to its whole session's group with `kill_group`. Nothing after its end.
  void signal(int signal_number);
  void signal_group(int signal_number);

 private:
  struct Block;
  explicit ChildProcess(std::unique_ptr<Block> block);
  Block* block_;
};

// Of a process that may not be our child; nothing when there is none.
struct ProcessFacts {
  std::uint64_t start_time = 0;  // clock ticks since boot
  std::uint64_t resident_bytes = 0;
  std::uint32_t open_descriptors = 0;
  std::string command;
  int parent = 0;
  // How it ended, as wait(2) tells it, when nobody has taken its end yet (a zombie).
  std::optional<int> wait_status;
};
// Counting its descriptors takes longer than all the rest.
enum class FactsWanted { All, ButDescriptors };
std::optional<ProcessFacts> read_process_facts(int pid, FactsWanted wanted = FactsWanted::All);

}  // namespace scpool
