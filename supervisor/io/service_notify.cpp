#include "supervisor/io/service_notify.hpp"

#include <systemd/sd-daemon.h>

#include <cstdlib>

#include "common/base/text.hpp"

namespace scpool::supervisor {

ServiceNotify::ServiceNotify() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr) {
    return;
  }
  socket_ = socket;
  std::uint64_t period_us = 0;
  if (sd_watchdog_enabled(1, &period_us) > 0) {
    // sd_watchdog_enabled(3): notify at half the time that is allowed.
    watchdog_period_ = std::chrono::microseconds{period_us / 2};
  }
  unsetenv("NOTIFY_SOCKET");
  const char* listed = std::getenv("LISTEN_FDNAMES");
  const std::string names = listed == nullptr ? "" : listed;
  const int count = sd_listen_fds(1);
  const std::vector<std::string_view> each = split(names, ':');
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    kept_[index < each.size() ? std::string(each[index]) : ""] =
        OpenDescriptor(SD_LISTEN_FDS_START + i);
  }
}

void ServiceNotify::keep(const std::string& name, int descriptor) const {
  if (socket_.empty() || descriptor < 0) {
    return;
  }
  setenv("NOTIFY_SOCKET", socket_.c_str(), 1);
  // FDPOLL=0: the manager must not drop it when the process ends; that end is what we want to know.
  const std::string message = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name;
  sd_pid_notify_with_fds(0, 1, message.c_str(), &descriptor, 1);
}

void ServiceNotify::let_go(const std::string& name) const {
  send("FDSTOREREMOVE=1\nFDNAME=" + name);
}

std::vector<std::string> ServiceNotify::environment() const {
  std::vector<std::string> lines;
  if (!socket_.empty()) {
    lines.push_back("NOTIFY_SOCKET=" + socket_);
  }
  if (watchdog_period_ > Duration::zero()) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(2 * watchdog_period_);
    lines.push_back("WATCHDOG_USEC=" + std::to_string(us.count()));
  }
  return lines;
}

void ServiceNotify::ready() {
  send("READY=1");
}

void ServiceNotify::reloading(Instant now) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us.count()));
}

void ServiceNotify::stopping() {
  send("STOPPING=1");
}

void ServiceNotify::status(const std::string& line) {
  if (line != last_status_) {
    last_status_ = line;
    send("STATUS=" + line);
  }
}

void ServiceNotify::extend_timeout(Duration by) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(by);
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(us.count()));
}

void ServiceNotify::alive() {
  send("WATCHDOG=1");
}

void ServiceNotify::send(const std::string& message) const {
  if (socket_.empty()) {
    return;
  }
  // The library reads the address from the environment, where no child may find it. A manager that
  // cannot be reached is no reason to stop serving.
  setenv("NOTIFY_SOCKET", socket_.c_str(), 1);
  sd_notify(1, message.c_str());
}

}  // namespace scpool::supervisor
