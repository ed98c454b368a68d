#include "common/io/process_start.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/io/open_descriptor.hpp"

namespace scpool {
namespace {

constexpr int kReportDescriptor = 3;  // in the child, until exec closes it
constexpr int kFirstFree = 10;        // above every number that the child assigns

enum class Step { Session, Descriptors, Limit, Directory, Execute };

struct Report {
  Step step = Step::Execute;
  int error = 0;
};

// Everything the child needs, made before it exists.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<std::string> environment_lines;
  std::array<OpenDescriptor, 3> standard;
  OpenDescriptor report_read;
  OpenDescriptor report_write;
  const char* program = nullptr;
  const char* directory = nullptr;
  rlimit files{};
  bool has_files_limit = false;
};

char* c_string(const std::string& text) {
  return const_cast<char*>(text.c_str());
}

// A copy above the numbers that the child assigns, so that no dup2 overwrites another's source.
OpenDescriptor moved_up(int descriptor) {
  return OpenDescriptor(fcntl(descriptor, F_DUPFD_CLOEXEC, kFirstFree));
}

Result<void> prepare_descriptors(const SpawnPlan& plan, Prepared& prepared) {
  const OpenDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) {
    return Error::from_errno(errno, "/dev/null");
  }
  const auto or_null = [&null](int wanted) { return wanted >= 0 ? wanted : null.get(); };
  prepared.standard[0] = moved_up(null.get());
  prepared.standard[1] = moved_up(or_null(plan.stdout_descriptor));
  prepared.standard[2] = moved_up(or_null(plan.stderr_descriptor));
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error::from_errno(errno, "pipe");
  }
  prepared.report_read.reset(ends[0]);
  const OpenDescriptor writing(ends[1]);
  prepared.report_write = moved_up(writing.get());
  const bool all = prepared.report_write.valid() &&
                   std::all_of(prepared.standard.begin(),
                               prepared.standard.end(),
                               [](const OpenDescriptor& one) { return one.valid(); });
  return all ? Result<void>{} : Error::from_errno(errno, "descriptors for the child");
}

Result<void> prepare(const SpawnPlan& plan, Prepared& prepared) {
  prepared.program = plan.program.c_str();
  prepared.directory = plan.working_directory.c_str();
  prepared.arguments.push_back(c_string(plan.program));
  for (const std::string& argument : plan.arguments) {
    prepared.arguments.push_back(c_string(argument));
  }
  prepared.arguments.push_back(nullptr);
  for (const auto& [name, value] : plan.environment) {
    std::string line = name;
    prepared.environment_lines.push_back(std::move(line.append("=").append(value)));
  }
  for (const std::string& line : prepared.environment_lines) {
    prepared.environment.push_back(c_string(line));
  }
  prepared.environment.push_back(nullptr);
  if (plan.open_files_limit.has_value()) {
    if (getrlimit(RLIMIT_NOFILE, &prepared.files) != 0) {
      return Error::from_errno(errno, "getrlimit");
    }
    prepared.files.rlim_cur =
        std::min(static_cast<rlim_t>(*plan.open_files_limit), prepared.files.rlim_max);
    prepared.has_files_limit = true;
  }
  return prepare_descriptors(plan, prepared);
}

// The functions from here to run_child run in the child.

[[noreturn]] void give_up(Step step) {
  const Report report{step, errno};
  // Fits a pipe's buffer; when it fails there is nobody to tell.
  [[maybe_unused]] const ssize_t told = write(kReportDescriptor, &report, sizeof report);
  _exit(127);
}

void reset_signals() {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) {
    sigaction(number, &by_default, nullptr);  // KILL, STOP and glibc's own refuse; they are right
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(const Prepared& prepared) {
  if (dup3(prepared.report_write.get(), kReportDescriptor, O_CLOEXEC) < 0) {
    _exit(127);
  }
  if (setsid() < 0) {
    give_up(Step::Session);
  }
  for (int i = 0; i < 3; ++i) {
    if (dup2(prepared.standard[static_cast<std::size_t>(i)].get(), i) < 0) {
      give_up(Step::Descriptors);
    }
  }
  closefrom(kReportDescriptor + 1);  // close_range(2), or /proc/self/fd where the kernel lacks it
  if (prepared.has_files_limit && setrlimit(RLIMIT_NOFILE, &prepared.files) != 0) {
    give_up(Step::Limit);
  }
  if (chdir(prepared.directory) != 0) {
    give_up(Step::Directory);
  }
  reset_signals();
  execve(prepared.program, prepared.arguments.data(), prepared.environment.data());
  give_up(Step::Execute);
}

Error error_of(const Report& report, const SpawnPlan& plan) {
  const std::string start = "cannot start " + plan.program;
  switch (report.step) {
    case Step::Session:
      return Error::from_errno(report.error, start + ": new session");
    case Step::Descriptors:
      return Error::from_errno(report.error, start + ": its descriptors");
    case Step::Limit:
      return Error::from_errno(report.error, start + ": limit of open files");
    case Step::Directory:
      return Error::from_errno(report.error,
                               start + ": working directory " + plan.working_directory);
    case Step::Execute:
      break;
  }
  return Error::from_errno(report.error, start);
}

}  // namespace

Result<int> start_process(const SpawnPlan& plan) {
  Prepared prepared;
  if (const auto ready = prepare(plan, prepared); !ready) {
    return ready.error().within("cannot start " + plan.program);
  }
  // No handler of ours may run in the child, which borrows our memory until it executes.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // vfork: no copy of page tables, so starting stays cheap however large we are. posix_spawn lacks
  // the limit of open files; run_child makes system calls only.
  const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) {
    run_child(prepared);  // NOLINT(clang-analyzer-unix.Vfork)
  }
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    return Error::from_errno(fork_error, "cannot start " + plan.program);
  }
  prepared.report_write.reset();
  Report report;
  ssize_t size = 0;
  do {
    size = read(prepared.report_read.get(), &report, sizeof report);
  } while (size < 0 && errno == EINTR);
  if (size == sizeof report) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error_of(report, plan);
  }
  return static_cast<int>(pid);
}

}  // namespace scpool
