#include "supervisor/io/process_watch.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace scpool::supervisor {
namespace {

int milliseconds(Duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

Result<ProcessWatch> ProcessWatch::open(int pid) {
  // glibc has had pidfd_open() since 2.36 only in C++-hostile headers; the number is the same.
  const auto descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) {
    return errno == ESRCH ? Error(ErrorKind::NotFound, "no process " + std::to_string(pid))
                          : Error::from_errno(errno, "process " + std::to_string(pid));
  }
  return ProcessWatch(descriptor);
}

ProcessWatch::ProcessWatch(ProcessWatch&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

ProcessWatch::~ProcessWatch() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

bool ProcessWatch::ended_within(Duration limit) const {
  pollfd watched{descriptor_, POLLIN, 0};
  return poll(&watched, 1, milliseconds(limit)) > 0;
}

void pause_for(Duration time) {
  poll(nullptr, 0, milliseconds(time));
}

}  // namespace scpool::supervisor
