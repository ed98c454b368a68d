// What the service manager is told (sd_notify, systemd): ready, status, stopping, still alive.
// Silent when no manager asked (NOTIFY_SOCKET not set). Decides nothing.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.hpp"
#include "common/io/open_descriptor.hpp"

namespace scpool::supervisor {

class ServiceNotify {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and LISTEN_FDS and removes them, so that no child inherits
  // them.
  ServiceNotify();

  // What the constructor has removed, as "NAME=value", for another program of this process.
  std::vector<std::string> environment() const;

  bool listened_to() const { return !socket_.empty(); }
  void ready();
  void reloading(Instant now);  // until the next ready() (Type=notify-reload wants the time)
  void stopping();
  // One line for `systemctl status`; sent only when it changed.
  void status(const std::string& line);
  // Asks for more time to stop than the unit allows.
  void extend_timeout(Duration by);

  // A descriptor that the manager keeps for the next supervisor, under a name; a pidfd of a worker.
  void keep(const std::string& name, int descriptor) const;
  void let_go(const std::string& name) const;
  // What was kept of an earlier supervisor, by name; once.
  std::map<std::string, OpenDescriptor> take_kept() { return std::exchange(kept_, {}); }

  // How often alive() is wanted; zero: never.
  Duration watchdog_period() const { return watchdog_period_; }
  void alive();

 private:
  void send(const std::string& message) const;

  std::string socket_;
  Duration watchdog_period_ = Duration::zero();
  std::string last_status_;
  std::map<std::string, OpenDescriptor> kept_;
};

}  // namespace scpool::supervisor
