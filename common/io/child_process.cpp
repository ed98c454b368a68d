#include "common/io/child_process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/open_descriptor.hpp"
#include "common/io/process_end.hpp"
#include "common/io/process_start.hpp"
#include "common/io/signals.hpp"
#include "common/io/timer.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {
namespace {

// The parent of a process that is not our child takes its end in its own time; after the last of
// these looks (a quarter of a second) the end counts as unseen.
constexpr int kLooksForEnd = 8;
constexpr Duration kFirstLook = std::chrono::milliseconds{1};

// Children whose owner went before they ended. Nobody watches them; they are reaped when we have
// to do with processes the next time.
class Abandoned {
 public:
  void add(int pid) {
    const std::lock_guard lock(mutex_);
    pids_.push_back(pid);
  }
  void reap() {
    const std::lock_guard lock(mutex_);
    std::erase_if(pids_, [](int pid) { return take_end(pid, -1).has_value(); });
  }

 private:
  std::mutex mutex_;  // loops of several threads may have children
  std::vector<int> pids_;
};

Abandoned& abandoned() {
  static Abandoned list;
  return list;
}

Error has_ended(int pid) {
  return Error(ErrorKind::NotFound, "process " + std::to_string(pid) + " has ended");
}

}  // namespace

struct ChildProcess::Block {
  EventLoop* loop = nullptr;
  std::function<void(ProcessExit)> on_exit;
  int pid = 0;
  std::uint64_t start_time = 0;
  OpenDescriptor pidfd;
  uv_poll_t* poll = nullptr;       // with a pidfd
  uv_signal_t* signals = nullptr;  // without: kernels before 5.4
  bool running = true;
  bool adopted = false;  // not our child
  std::unique_ptr<Timer> next_look;
  int looks = 0;

  void watch();
  void poll_pidfd();
  void look();
  void look_at_stranger();
  void finish(const ProcessExit& end);
  void unwatch();
};

void ChildProcess::Block::watch() {
  pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // pidfd_open came with 5.3, waiting on one with 5.4: EINVAL says that it is too old.
  siginfo_t info{};
  const bool waitable =
      pidfd.valid() &&
      syscall(SYS_waitid, P_PIDFD, pidfd.get(), &info, WEXITED | WNOHANG | WNOWAIT, nullptr) == 0;
  if (waitable) {
    poll_pidfd();
    return;
  }
  pidfd.reset();
  signals = new uv_signal_t;
  SCPOOL_CHECK(uv_signal_init(loop->native(), signals) == 0);
  signals->data = this;
  const auto start = [](uv_signal_t* handle, int) noexcept {
    if (handle->data != nullptr) {
      static_cast<Block*>(handle->data)->look();
    }
  };
  SCPOOL_CHECK(uv_signal_start(signals, start, SIGCHLD) == 0);
  // It may have ended before SIGCHLD was watched.
  kill(getpid(), SIGCHLD);
}

void ChildProcess::Block::poll_pidfd() {
  poll = new uv_poll_t;
  SCPOOL_CHECK(uv_poll_init(loop->native(), poll, pidfd.get()) == 0);
  poll->data = this;
  uv_poll_start(poll, UV_READABLE, [](uv_poll_t* handle, int, int) noexcept {
    if (handle->data != nullptr) {
      static_cast<Block*>(handle->data)->look();
    }
  });
}

void ChildProcess::Block::look() {
  if (adopted) {
    look_at_stranger();
  } else if (const auto end = take_end(pid, pidfd.get())) {
    finish(*end);
  }
}

// The pidfd is readable: it has ended. How is told later, or never.
void ChildProcess::Block::look_at_stranger() {
  uv_poll_stop(poll);
  const StrangersEnd told = end_of_stranger(pidfd.get(), {pid, start_time});
  if (!told.end.has_value() && told.may_come && looks < kLooksForEnd) {
    if (next_look == nullptr) {
      next_look = std::make_unique<Timer>(*loop);
    }
    next_look->start(kFirstLook * (1U << static_cast<unsigned>(looks)),
                     [this] { look_at_stranger(); });
    ++looks;
    return;
  }
  ProcessExit unseen;
  unseen.seen = false;
  finish(told.end.value_or(unseen));
}

void ChildProcess::Block::finish(const ProcessExit& end) {
  running = false;
  unwatch();
  const auto tell = std::exchange(on_exit, nullptr);
  if (tell) {
    tell(end);
  }
}

void ChildProcess::Block::unwatch() {
  // The watcher leaves the poll set before the descriptor is closed: a copy of it elsewhere would
  // keep the kernel's registration alive, and its events would come for whoever has the number
  // next.
  close_handle(std::exchange(poll, nullptr));
  close_handle(std::exchange(signals, nullptr));
  if (next_look != nullptr) {
    next_look->cancel();
    loop->retire(std::move(next_look));  // perhaps from inside its own callback
  }
  pidfd.reset();
}

ChildProcess::ChildProcess(std::unique_ptr<Block> block) : block_(block.release()) {}

ChildProcess::~ChildProcess() {
  block_->on_exit = nullptr;
  block_->unwatch();
  if (block_->running && !block_->adopted) {
    abandoned().add(block_->pid);
  }
  block_->loop->retire(std::unique_ptr<Block>(block_));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(
    EventLoop& loop, const SpawnPlan& plan, std::function<void(ProcessExit)> on_exit) {
  abandoned().reap();
  const auto pid = start_process(plan);
  if (!pid) {
    return pid.error();
  }
  auto block = std::make_unique<Block>();
  block->loop = &loop;
  block->on_exit = std::move(on_exit);
  block->pid = pid.value();
  // Until it is reaped, even a child that has ended keeps its line in /proc.
  const auto facts = read_process_facts(block->pid, FactsWanted::ButDescriptors);
  block->start_time = facts.has_value() ? facts->start_time : 0;
  block->watch();
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(block)));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::adopt(
    EventLoop& loop, const ProcessIdentity& identity, std::function<void(ProcessExit)> on_exit) {
  OpenDescriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!pidfd.valid() && errno != ESRCH) {
    return Error::from_errno(errno, "process " + std::to_string(identity.pid));
  }
  // Its parent has not taken its end yet. One that is ours must be adopted, or nobody would.
  const auto facts = read_process_facts(identity.pid, FactsWanted::ButDescriptors);
  if (facts.has_value() && facts->wait_status.has_value() && facts->parent != getpid()) {
    return has_ended(identity.pid);
  }
  return adopt(loop, identity, std::move(pidfd), std::move(on_exit));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::adopt(
    EventLoop& loop,
    const ProcessIdentity& identity,
    OpenDescriptor pidfd,
    std::function<void(ProcessExit)> on_exit) {
  // Looked at with the pidfd open: from here on the number cannot change its meaning.
  const std::optional<int> meant = pid_of(pidfd.get());
  const auto facts = read_process_facts(identity.pid, FactsWanted::ButDescriptors);
  const bool lives =
      meant == identity.pid && facts.has_value() && facts->start_time == identity.start_time;
  if (!lives && meant != -1) {
    return has_ended(identity.pid);
  }
  auto block = std::make_unique<Block>();
  block->loop = &loop;
  block->pid = identity.pid;
  block->start_time = identity.start_time;
  block->adopted = !lives || facts->parent != getpid();
  block->pidfd = std::move(pidfd);
  block->on_exit = std::move(on_exit);
  block->poll_pidfd();
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(block)));
}

int ChildProcess::pidfd() const {
  return block_->pidfd.get();
}

int ChildProcess::pid() const {
  return block_->pid;
}

std::uint64_t ChildProcess::start_time() const {
  return block_->start_time;
}

bool ChildProcess::running() const {
  return block_->running;
}

// Until look() has reaped it, the pid of a child cannot belong to anybody else; that of an adopted
// process can.
void ChildProcess::signal(int signal_number) {
  if (block_->running && block_->pidfd.valid()) {
    syscall(SYS_pidfd_send_signal, block_->pidfd.get(), signal_number, nullptr, 0);
  } else if (block_->running) {
    kill(block_->pid, signal_number);
  }
}

void ChildProcess::signal_group(int signal_number) {
  if (block_->running) {
    kill(-block_->pid, signal_number);
  }
}

std::string ProcessExit::text() const {
  if (!seen) {
    return "ended unseen";
  }
  if (signal != 0) {
    return std::string("killed by ") + signal_name(signal) + (core_dumped ? " (core dumped)" : "");
  }
  return "exited with " + std::to_string(status);
}

}  // namespace scpool
