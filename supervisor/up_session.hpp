// One `sc-pool up`, from the first check to the last file: what must be right before anything is
// started, the embedded server, the supervisor and its sockets, signals, what the service manager
// and the terminal are told, and the way down. Owns them all; decides nothing about the pool. Not
// in the layout's list: the supervisor itself knows neither terminal nor signals.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/event_loop.hpp"
#include "common/io/log.hpp"
#include "common/io/signals.hpp"
#include "common/io/timer.hpp"
#include "supervisor/io/control_socket.hpp"
#include "supervisor/io/detached_start.hpp"
#include "supervisor/io/local_grid.hpp"
#include "supervisor/io/pool_api.hpp"
#include "supervisor/io/pool_lock.hpp"
#include "supervisor/io/service_notify.hpp"
#include "supervisor/pool_setup.hpp"
#include "supervisor/start_screen.hpp"
#include "supervisor/supervisor.hpp"
#include "supervisor/upgrade.hpp"

namespace scpool::supervisor {

class UpSession {
 public:
  UpSession(const Invocation& invocation,
            LoadedConfig loaded,
            PoolDirectories directories,
            std::optional<DetachedStart> detached);

  ExitCode run();

 private:
  // Before anything is started; the first error ends `up`.
  Result<void> prepare();
  Result<void> open_api();
  Result<StoredState> load_state();
  void watch_signals();
  void begin();
  Result<void> start_grid();
  void note_grid(const LocalGridAddresses& addresses);
  void check_account();
  void start_pool(const RestAccount& account);
  void connect_store(Supervisor::Setup& setup);
  void remember_config(const RestAccount& account);
  void go_on();
  Result<LaunchConfig> read_config_again();
  Result<LaunchConfig> load_config_again();

  void note_change();
  void note_ready();
  void tell_service(const PoolSnapshot& snapshot);
  void keep_alive();
  void tick();
  void ask_for_time();  // the service manager, to start or to drain

  // Exchange of programs, either way.
  Result<void> take_over();
  Result<PoolLock> take_lock();
  Upgrade::Host upgrade_host();
  std::optional<std::string> obstacle_to_upgrade() const;
  Handover describe() const;
  void resume_after_upgrade();
  void confirm_takeover();
  void note_upgrade(const UpgradeReport& report);

  void stop_by_signal();
  void give_up(ExitCode code, const std::string& sentence);
  void go_down(StopUrgency urgency);
  void note_going_down();
  void note_finished();
  void finish();

  const Invocation& invocation_;
  LoadedConfig loaded_;
  const WorkerKind* kind_ = &our_worker();
  PoolDirectories directories_;
  std::optional<DetachedStart> detached_;
  Terminal terminal_;
  StartScreen screen_;
  ServiceNotify notify_;
  ExitCode exit_code_ = ExitCode::Done;
  bool was_ready_ = false;
  bool told_ready_ = false;  // the service manager
  bool going_down_ = false;
  Instant began_{};
  Instant went_down_{};

  std::optional<PoolLock> lock_;
  std::optional<Log> log_;
  StoredState state_;
  EventLoop loop_;
  Timer ticker_;
  Timer watchdog_;
  Timer deadline_;
  Timer extension_;
  Signals signals_;
  HttpClient client_;
  std::optional<Handover> inherited_;  // until it is confirmed
  std::string why_back_;               // not empty: what we had handed over came back
  std::uint64_t fingerprint_ = 0;      // of what the configuration was read from
  std::unique_ptr<PoolApi> api_;
  std::unique_ptr<LocalGrid> grid_;
  std::unique_ptr<TunnelDirectory> account_check_;
  std::optional<LocalFacts> local_;
  RestAccount account_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<ControlSocket> control_;
  Upgrade upgrade_;
};

}  // namespace scpool::supervisor
