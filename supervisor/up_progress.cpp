// The rest of UpSession: the embedded server, what terminal and service manager are told, and the
// way down.
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/io/files.hpp"
#include "supervisor/io/pool_search.hpp"
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/io/program_search.hpp"
#include "supervisor/up_session.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTickPeriod = 120ms;
// Asked for again and again while the pool starts or drains; a supervisor that hangs stops asking.
constexpr Duration kExtension = 60s;
constexpr Duration kExtensionPeriod = 10s;

}  // namespace

Result<void> UpSession::start_grid() {
  auto program = find_program("sc-server");
  if (!program) {
    return program.error();
  }
  LocalGridSettings settings;
  settings.program = std::move(program).value();
  settings.directory = directories_.state + "/server";
  settings.log_file = directories_.logs + "/" + loaded_.config.name + "-server.log";
  settings.tunnel_name = loaded_.config.tunnel_name;
  settings.keep_ports = !state_.processes.empty();
  settings.environment = inherited_environment();
  if (auto made = make_private_directory(settings.directory); !made) {
    return made;
  }
  LocalGrid::Events events;
  events.on_serving = [this](const LocalGridAddresses& addresses) { note_grid(addresses); };
  events.on_failed = [this](const Error& error) { give_up(ExitCode::Failed, error.sentence()); };
  events.on_lost = [this](const std::string& cause, Duration delay) {
    log_->error("server", cause + "; restart in " + rough_duration(delay));
    screen_.server_lost(cause);
  };
  events.on_stopped = [this] { finish(); };
  grid_ = std::make_unique<LocalGrid>(loop_, std::move(settings), std::move(events));
  return inherited_ && inherited_->server_pid > 0
             ? grid_->resume({inherited_->server_pid, inherited_->server_start_time})
             : grid_->start();
}

void UpSession::note_grid(const LocalGridAddresses& addresses) {
  log_->info("server", "the embedded server listens", {{"rest_url", addresses.rest_url}});
  if (supervisor_ != nullptr || going_down_) {
    return;  // it came back on the same ports
  }
  auto key = read_secret_file(addresses.access_key_file);
  if (!key) {
    give_up(ExitCode::Failed, key.error().sentence());
    return;
  }
  RestAccount account;
  account.url = addresses.rest_url;
  account.user = addresses.user;
  account.access_key = key.value();
  account.ca_files = {addresses.ca_file};
  account.only_these_cas = true;  // the system's would leave the heap of an idle pool full of holes
  local_ = LocalFacts{addresses.rest_url,
                      addresses.ca_file,
                      addresses.user,
                      addresses.access_key_file,
                      addresses.ingress_url,
                      addresses.open_ingress_url,
                      Secret(addresses.user + ";tunnel=" + loaded_.config.tunnel_name + ":" +
                             key.value().reveal())};
  if (!inherited_) {
    screen_.server_serving(*local_, loop_.now() - began_);
  }
  start_pool(account);
}

void UpSession::note_change() {
  if (inherited_) {
    return;  // what is half taken over would look like a loss
  }
  const PoolSnapshot pool = supervisor_->snapshot();
  if (pool.shutting_down && !going_down_) {
    note_going_down();  // by `sc-pool down`
    screen_.draining("Draining, as 'sc-pool down' asked for.");
  }
  screen_.show(pool);
  if (!ticker_.armed()) {
    tick();
  }
  tell_service(pool);
  if (going_down_ || was_ready_) {
    return;
  }
  if (pool.ready >= pool.size) {
    was_ready_ = true;
    deadline_.cancel();
    note_ready();
    return;
  }
  if (const auto failure = supervisor_->permanent_failure()) {
    give_up(ExitCode::Failed, *failure);
  }
}

void UpSession::note_ready() {
  const std::string selection =
      running_pools().size() > 1 ? " --pool " + loaded_.config.name : std::string{};
  screen_.select_with(selection);
  screen_.how_to_use(supervisor_->report(), loop_.now() - began_);
  if (detached_.has_value()) {
    terminal_.print("  " + terminal_.styled(Style::Strong, padded("Stop", 8)) +
                    invocation_.program + " down" + selection);
    detached_->report(static_cast<int>(ExitCode::Done));
  } else {
    terminal_.print("");
    terminal_.print("Ctrl-C drains and stops.");
  }
}

void UpSession::tell_service(const PoolSnapshot& snapshot) {
  if (!notify_.listened_to()) {
    return;
  }
  if (!told_ready_ && has_minimum(snapshot)) {
    told_ready_ = true;
    notify_.ready();
  }
  notify_.status(status_line(snapshot));
}

void UpSession::keep_alive() {
  if (notify_.watchdog_period() > Duration::zero()) {
    notify_.alive();
    watchdog_.start(notify_.watchdog_period(), [this] { keep_alive(); });
  }
}

// Only a line that updates in place needs pictures; a pool that serves wakes nobody for them.
void UpSession::tick() {
  screen_.tick();
  if (terminal_.is_terminal() && screen_.moves()) {
    ticker_.start(kTickPeriod, [this] { tick(); });
  }
}

void UpSession::ask_for_time() {
  if (notify_.listened_to() && (going_down_ || !told_ready_)) {
    notify_.extend_timeout(kExtension);
    extension_.start(kExtensionPeriod, [this] { ask_for_time(); });
  }
}

void UpSession::stop_by_signal() {
  if (going_down_) {
    screen_.draining("");
    log_->info("pool", "second signal: stopping now");
    go_down(StopUrgency::Now);
    return;
  }
  log_->info("pool", "signal: draining");
  screen_.draining("Draining: running jobs finish, new ones are refused. Ctrl-C again stops now.");
  go_down(StopUrgency::Drain);
}

// The start has failed: everything that was started goes, and the exit code says so.
void UpSession::give_up(ExitCode code, const std::string& sentence) {
  if (going_down_) {
    return;
  }
  give_back(sentence);
  exit_code_ = code;
  log_->error("pool", sentence);
  screen_.close();
  complain(code, sentence);
  go_down(StopUrgency::Now);
}

void UpSession::go_down(StopUrgency urgency) {
  if (!going_down_) {
    note_going_down();
  }
  if (supervisor_ != nullptr) {
    supervisor_->go_down(urgency, std::nullopt);
  } else {
    note_finished();
  }
}

void UpSession::note_going_down() {
  going_down_ = true;
  went_down_ = loop_.now();
  deadline_.cancel();
  notify_.stopping();
  ask_for_time();
}

// Every worker is gone; the server it registered with goes last.
void UpSession::note_finished() {
  if (grid_ != nullptr) {
    grid_->stop();
  } else {
    finish();
  }
}

void UpSession::finish() {
  ticker_.cancel();
  watchdog_.cancel();
  deadline_.cancel();
  extension_.cancel();
  if (exit_code_ == ExitCode::Done) {
    screen_.stopped(loop_.now() - went_down_);
  }
  log_->info("pool", "sc-pool ends");
  loop_.stop();
}

}  // namespace scpool::supervisor
