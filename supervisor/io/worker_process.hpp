// One member: its process, log, pid file and API socket, all named after slot and generation. Its
// output goes to its log, never to a pipe of ours, so that it lives on without us. Signals only
// when told; decides nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"
#include "common/io/child_process.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/worker_kinds.hpp"
#include "supervisor/io/worker_files.hpp"

namespace scpool::supervisor {

struct WorkerLaunch {
  WorkerId worker;
  WorkerFiles files;
  LaunchPlan plan;
  std::string api_address;  // "unix:PATH" or "127.0.0.1:PORT"
  std::optional<std::uint64_t> open_files_limit;
};

class WorkerProcess {
 public:
  using OnExit = std::function<void(const WorkerExit&, const Evidence&)>;

  // `kind` must outlive it. The error says what could not be opened or started; nothing is left.
  static Result<std::unique_ptr<WorkerProcess>> start(EventLoop& loop,
                                                      const WorkerKind& kind,
                                                      WorkerLaunch launch,
                                                      OnExit on_exit);
  // One that an earlier supervisor started, with its pid and start time as they were written down,
  // and its pidfd where one was kept: then an end that nobody saw is still told. NotFound: that
  // process has ended (its pid may belong to another by now).
  static Result<std::unique_ptr<WorkerProcess>> adopt(EventLoop& loop,
                                                      const WorkerKind& kind,
                                                      WorkerLaunch launch,
                                                      const ProcessIdentity& identity,
                                                      OpenDescriptor pidfd,
                                                      OnExit on_exit);
  // For start() and adopt() alone: it has no process yet.
  WorkerProcess(const WorkerKind& kind, WorkerLaunch launch, OnExit on_exit);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();  // of one that has ended: removes what it left in the run directory

  const WorkerId& worker() const { return launch_.worker; }
  const WorkerFiles& files() const { return launch_.files; }
  const std::string& api_address() const { return launch_.api_address; }
  const WorkerKind& kind() const { return kind_; }
  WallTime started_at() const { return started_at_; }
  int pid() const { return process_->pid(); }
  int pidfd() const { return process_->pidfd(); }
  std::uint64_t start_time() const { return process_->start_time(); }

  void drain();  // the kind's drain signal
  void stop();   // the kind's second signal
  void kill();   // KILL, to its whole group
  bool can_reopen_log() const { return kind_.reopen_signal != 0; }
  void reopen_log();

 private:
  void note_exit(const ProcessExit& exit);

  const WorkerKind& kind_;
  WorkerLaunch launch_;
  OnExit on_exit_;
  WallTime started_at_{};
  std::uint64_t out_of_memory_kills_ = 0;  // of the whole machine, when it started
  bool ended_ = false;
  std::unique_ptr<ChildProcess> process_;
};

// Of the machine since boot (/proc/vmstat); 0 when the kernel does not tell.
std::uint64_t out_of_memory_kills();
// What a worker inherits: our environment without what is meant for us alone.
std::vector<std::pair<std::string, std::string>> inherited_environment();

}  // namespace scpool::supervisor
