// The embedded sc-server of `up --local`: started before the workers, brought back on the same
// ports when it dies, stopped after everything else. What it serves it writes to `server.json`.
// Not in the layout's list: --local needs an owner of that process beside the pool's own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/backoff.hpp"
#include "common/base/result.hpp"
#include "common/io/child_process.hpp"
#include "common/io/timer.hpp"

namespace scpool::supervisor {

struct LocalGridSettings {
  std::string program;    // sc-server
  std::string directory;  // its database, CA, keys and server.json
  std::string log_file;
  std::string tunnel_name;  // of the ingress that asks for no credentials
  bool keep_ports = false;  // those of an earlier server.json: its workers may still be there
  std::vector<std::pair<std::string, std::string>> environment;
  Duration start_deadline = std::chrono::seconds{30};
  Duration stop_deadline = std::chrono::seconds{10};
};

// Where to find what it serves; the contents of server.json.
struct LocalGridAddresses {
  int pid = 0;
  std::string rest_url;
  std::string ca_file;
  std::string user;
  std::string access_key_file;
  std::string ingress_url;       // asks for credentials
  std::string open_ingress_url;  // bound to the local account and pool, no credentials
  std::string admin_url;
};

Result<LocalGridAddresses> read_local_grid_addresses(const std::string& path);

class LocalGrid {
 public:
  struct Events {
    std::function<void(const LocalGridAddresses&)> on_serving;
    // It ended, or did not come up, before it served for the first time: `up` has failed.
    std::function<void(const Error&)> on_failed;
    // It ended later; it comes back after `delay`.
    std::function<void(const std::string& cause, Duration delay)> on_lost;
    std::function<void()> on_stopped;
  };

  LocalGrid(EventLoop& loop, LocalGridSettings settings, Events events);

  Result<void> start();
  // Goes on with the one that an earlier program of this process started; start() when it is gone.
  Result<void> resume(const ProcessIdentity& server);
  // Of the one that runs; pid 0: none.
  ProcessIdentity identity() const;
  // TERM, KILL at the deadline; on_stopped follows, at once when nothing runs.
  void stop();
  const std::optional<LocalGridAddresses>& addresses() const { return addresses_; }
  bool serving() const { return state_ == State::Serving; }

 private:
  enum class State { Idle, Starting, Serving, WaitingToRestart, Stopping };

  Result<void> spawn();
  std::vector<std::string> arguments() const;
  void look_for_addresses();
  void note_exit(const ProcessExit& exit);
  void restart_later(const std::string& cause);
  std::string addresses_file() const { return settings_.directory + "/server.json"; }

  EventLoop& loop_;
  LocalGridSettings settings_;
  Events events_;
  State state_ = State::Idle;
  bool has_served_ = false;
  std::unique_ptr<ChildProcess> process_;
  std::optional<LocalGridAddresses> addresses_;
  Instant first_try_{};
  Instant started_at_{};
  std::uint32_t failures_ = 0;
  Random random_;
  Timer timer_;
};

}  // namespace scpool::supervisor
