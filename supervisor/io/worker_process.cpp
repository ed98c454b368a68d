#include "supervisor/io/worker_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/io/log_tail.hpp"
#include "supervisor/io/program_search.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kEvidenceLines = 20;

// Settings of ours and of the service manager; a worker gets what its launch plan says.
bool is_for_us_alone(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"NOTIFY_SOCKET",
                                                       "WATCHDOG_USEC",
                                                       "WATCHDOG_PID",
                                                       "LISTEN_FDS",
                                                       "LISTEN_PID",
                                                       "LISTEN_FDNAMES",
                                                       "RUNTIME_DIRECTORY",
                                                       "STATE_DIRECTORY",
                                                       "LOGS_DIRECTORY",
                                                       "CREDENTIALS_DIRECTORY",
                                                       "INVOCATION_ID",
                                                       "JOURNAL_STREAM"};
  return name.starts_with("SC_POOL_") || name.starts_with("SAUCE_") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// `start_time` as /proc tells it: clock ticks since boot, suspended time included.
std::chrono::microseconds age_of(std::uint64_t start_time) {
  timespec since_boot{};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto ticks_per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  const auto started = std::chrono::milliseconds{start_time * 1000 / ticks_per_second};
  return std::chrono::seconds{since_boot.tv_sec} - started;
}

void remove_run_files(const WorkerFiles& files) {
  for (const std::string& path : {files.pid_file, files.ready_file, files.socket}) {
    unlink(path.c_str());
  }
}

// For programs that write none: pid and start time, as our own workers do. A disk that is full is
// no reason to go without the worker.
void write_pid_file(const std::string& path, const ChildProcess& process) {
  std::ofstream(path) << process.pid() << ' ' << process.start_time() << '\n';
}

WorkerExit to_worker_exit(const ProcessExit& exit) {
  WorkerExit result;
  result.how = !exit.seen         ? WorkerExit::How::Unknown
               : exit.signal != 0 ? WorkerExit::How::Killed
                                  : WorkerExit::How::Exited;
  result.code = exit.status;
  result.signal = exit.signal;
  result.core_dumped = exit.core_dumped;
  return result;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> inherited_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && !is_for_us_alone(text.substr(0, equals))) {
      variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

std::uint64_t out_of_memory_kills() {
  constexpr std::string_view kName = "\noom_kill ";
  std::array<char, 16 * 1024> text{};
  const OpenDescriptor file(open("/proc/vmstat", O_RDONLY | O_CLOEXEC));
  const ssize_t count = file.valid() ? read(file.get(), text.data(), text.size()) : 0;
  const std::string_view all(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  const std::size_t found = all.find(kName);
  if (found == std::string_view::npos) {
    return 0;
  }
  const std::string_view rest = all.substr(found + kName.size());
  return parse_number(rest.substr(0, rest.find('\n'))).value_or(0);
}

WorkerProcess::WorkerProcess(const WorkerKind& kind, WorkerLaunch launch, OnExit on_exit)
    : kind_(kind), launch_(std::move(launch)), on_exit_(std::move(on_exit)) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(EventLoop& loop,
                                                            const WorkerKind& kind,
                                                            WorkerLaunch launch,
                                                            OnExit on_exit) {
  auto program = find_program(launch.plan.program);
  if (!program) {
    return program.error();
  }
  auto worker = std::make_unique<WorkerProcess>(kind, std::move(launch), std::move(on_exit));
  const WorkerFiles& files = worker->files();
  const int output = open(files.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) {
    return Error::from_errno(errno, files.log);
  }
  SpawnPlan plan;
  plan.program = std::move(program).value();
  plan.arguments = worker->launch_.plan.arguments;
  plan.environment = inherited_environment();
  for (const auto& wanted : worker->launch_.plan.environment) {
    std::erase_if(plan.environment,
                  [&wanted](const auto& each) { return each.first == wanted.first; });
    plan.environment.emplace_back(wanted.first, wanted.second.reveal());
  }
  plan.stdout_descriptor = output;
  plan.stderr_descriptor = output;
  plan.open_files_limit = worker->launch_.open_files_limit;
  worker->started_at_ = loop.wall_now();
  auto process = ChildProcess::spawn(
      loop, plan, [self = worker.get()](const ProcessExit& exit) { self->note_exit(exit); });
  worker->out_of_memory_kills_ = out_of_memory_kills();
  close(output);
  if (!process) {
    remove_run_files(files);
    return process.error();
  }
  worker->process_ = std::move(process).value();
  if (!kind.writes_pid_file) {
    write_pid_file(files.pid_file, *worker->process_);
  }
  return worker;
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::adopt(EventLoop& loop,
                                                            const WorkerKind& kind,
                                                            WorkerLaunch launch,
                                                            const ProcessIdentity& identity,
                                                            OpenDescriptor pidfd,
                                                            OnExit on_exit) {
  auto worker = std::make_unique<WorkerProcess>(kind, std::move(launch), std::move(on_exit));
  const auto tell = [self = worker.get()](const ProcessExit& exit) { self->note_exit(exit); };
  auto process = pidfd.valid() ? ChildProcess::adopt(loop, identity, std::move(pidfd), tell)
                               : ChildProcess::adopt(loop, identity, tell);
  if (!process) {
    remove_run_files(worker->files());
    return process.error();
  }
  worker->process_ = std::move(process).value();
  worker->started_at_ = loop.wall_now() - age_of(identity.start_time);
  worker->out_of_memory_kills_ = out_of_memory_kills();
  return worker;
}

void WorkerProcess::note_exit(const ProcessExit& exit) {
  Evidence evidence;
  evidence.last_lines = last_lines(files().log, kEvidenceLines);
  evidence.max_resident_bytes = exit.max_resident_bytes;
  evidence.out_of_memory_killed =
      exit.signal == SIGKILL && out_of_memory_kills() > out_of_memory_kills_;
  ended_ = true;
  on_exit_(to_worker_exit(exit), evidence);
}

// Its successor does not wait for its files to go: they have other names.
WorkerProcess::~WorkerProcess() {
  if (ended_) {
    remove_run_files(files());
  }
}

void WorkerProcess::drain() {
  process_->signal(kind_.drain_signal);
}

void WorkerProcess::stop() {
  process_->signal(kind_.stop_signal);
}

void WorkerProcess::kill() {
  process_->signal_group(SIGKILL);
}

void WorkerProcess::reopen_log() {
  if (kind_.reopen_signal != 0) {
    process_->signal(kind_.reopen_signal);
  }
}

}  // namespace scpool::supervisor
