// What the service manager is told (sd_notify, systemd): ready, status, stopping, still alive.
// Silent when no manager asked (NOTIFY_SOCKET not set). Decides nothing.
#pragma once

#include <string>

#include "common/base/time.hpp"

namespace scpool::supervisor {

class ServiceNotify {
 public:
  // Reads NOTIFY_SOCKET and WATCHDOG_USEC and removes both, so that no child inherits them.
  ServiceNotify();

  bool listened_to() const { return !socket_.empty(); }
  void ready();
  void reloading(Instant now);  // until the next ready() (Type=notify-reload wants the time)
  void stopping();
  // One line for `systemctl status`; sent only when it changed.
  void status(const std::string& line);
  // Asks for more time to stop than the unit allows.
  void extend_timeout(Duration by);

  // How often alive() is wanted; zero: never.
  Duration watchdog_period() const { return watchdog_period_; }
  void alive();

 private:
  void send(const std::string& message) const;

  std::string socket_;
  Duration watchdog_period_ = Duration::zero();
  std::string last_status_;
};

}  // namespace scpool::supervisor
