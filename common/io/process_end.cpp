#include "common/io/process_end.hpp"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include "common/base/text.hpp"

namespace scpool {
namespace {

// struct pidfd_info of <linux/pidfd.h> (6.15), which older headers lack; its first published size.
struct PidfdInfo {
  std::uint64_t mask = 0;
  std::uint64_t control_group = 0;
  std::uint32_t ids[11] = {};
  std::int32_t exit_code = 0;  // as wait(2) tells it
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr std::uint64_t kInfoExit = 1U << 3U;  // PIDFD_INFO_EXIT
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);

ProcessExit end_of(int wait_status) {
  ProcessExit end;
  end.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
  end.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  end.core_dumped = WIFSIGNALED(wait_status) && WCOREDUMP(wait_status);
  return end;
}

}  // namespace

// waitid(2) with the resource usage, which glibc's does not give.
std::optional<ProcessExit> take_end(int pid, int pidfd) {
  siginfo_t info{};
  rusage usage{};
  long result = 0;
  do {
    result = syscall(SYS_waitid,
                     pidfd >= 0 ? P_PIDFD : P_PID,
                     pidfd >= 0 ? pidfd : pid,
                     &info,
                     WEXITED | WNOHANG,
                     &usage);
  } while (result < 0 && errno == EINTR);
  if (result < 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  ProcessExit end;
  const bool exited = info.si_code == CLD_EXITED;
  end.status = exited ? info.si_status : 0;
  end.signal = exited ? 0 : info.si_status;
  end.core_dumped = info.si_code == CLD_DUMPED;
  end.max_resident_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return end;
}

// Until its parent has taken the end, /proc tells it; afterwards the pidfd does.
StrangersEnd end_of_stranger(int pidfd, const ProcessIdentity& identity) {
  const auto facts = read_process_facts(identity.pid);
  if (facts.has_value() && facts->start_time == identity.start_time &&
      facts->wait_status.has_value()) {
    return {true, end_of(*facts->wait_status)};
  }
  PidfdInfo info;
  info.mask = kInfoExit;
  if (ioctl(pidfd, kGetInfo, &info) != 0) {
    return {};
  }
  return {true,
          (info.mask & kInfoExit) == 0 ? std::nullopt : std::optional(end_of(info.exit_code))};
}

std::optional<int> pid_of(int pidfd) {
  constexpr std::string_view kKey = "Pid:";
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd));
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(kKey)) {
      const std::string_view value = trim(std::string_view(line).substr(kKey.size()));
      const auto number = parse_number(value);
      return number.has_value() ? static_cast<int>(*number) : -1;
    }
  }
  return std::nullopt;
}

}  // namespace scpool
