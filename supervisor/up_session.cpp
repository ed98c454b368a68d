#include "supervisor/up_session.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/io/files.hpp"
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/io/program_search.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDetachedLimit = 5min;

std::string log_path(const PoolDirectories& directories, const PoolConfig& config) {
  return config.log.file.empty() ? directories.logs + "/" + config.name + ".log" : config.log.file;
}

std::string socket_path(const PoolDirectories& directories, const PoolConfig& config) {
  return config.control.socket.empty() ? control_socket_path(directories) : config.control.socket;
}

// For those who ask from another directory; empty stays empty.
std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  return path.empty() ? path : std::filesystem::absolute(path, ignored).string();
}

}  // namespace

UpSession::UpSession(const Invocation& invocation,
                     LoadedConfig loaded,
                     PoolDirectories directories,
                     std::optional<DetachedStart> detached)
    : invocation_(invocation),
      loaded_(std::move(loaded)),
      directories_(std::move(directories)),
      detached_(std::move(detached)),
      terminal_(STDOUT_FILENO),
      screen_(terminal_, invocation.program),
      ticker_(loop_),
      watchdog_(loop_),
      deadline_(loop_),
      extension_(loop_),
      signals_(loop_),
      client_(loop_),
      upgrade_(loop_, upgrade_host()) {}

ExitCode UpSession::run() {
  if (const auto prepared = prepare(); !prepared) {
    give_back(prepared.error().sentence());
    return complain(ExitCode::Failed, prepared.error().sentence());
  }
  began_ = loop_.now();
  watch_signals();
  release_signals();
  begin();
  loop_.run();
  control_.reset();
  supervisor_.reset();
  api_.reset();
  remove_empty_directory(directories_.runtime);
  if (detached_.has_value()) {
    detached_->report(static_cast<int>(exit_code_));
  }
  return exit_code_;
}

Result<void> UpSession::prepare() {
  if (auto made = make_directories(directories_, loaded_.config.name); !made) {
    return made;
  }
  if (auto taken = take_over(); !taken) {
    return taken;
  }
  auto lock = take_lock();
  if (!lock) {
    return lock.error().within("pool " + loaded_.config.name);
  }
  lock_.emplace(std::move(lock).value());
  if (!inherited_) {
    upgrade_.remove_leftovers();
  }
  scpool::LogSettings settings;
  settings.file = log_path(directories_, loaded_.config);
  const std::string& format = loaded_.config.log.format;
  settings.format = format == "json"       ? LogFormat::Json
                    : format == "keyvalue" ? LogFormat::KeyValue
                                           : LogFormat::Text;
  auto log = Log::open(settings);
  if (!log) {
    return log.error();
  }
  log_.emplace(std::move(log).value());
  const PoolConfig& config = loaded_.config;
  const auto program = find_worker_program(config.worker);
  if (!program) {
    return program.error();
  }
  kind_ = program.value().kind;
  auto state = inherited_ ? Result<StoredState>(inherited_->state) : load_state();
  if (!state) {
    return state.error();
  }
  state_ = std::move(state).value();
  return open_api();
}

Result<void> UpSession::open_api() {
  const std::string& address = loaded_.config.control.api_address;
  if (address.empty() || address == "off") {
    return {};
  }
  auto api = inherited_ && inherited_->api >= 0
                 ? PoolApi::adopt(loop_, OpenDescriptor(inherited_->api))
                 : PoolApi::listen(loop_, address);
  if (!api) {
    return Error(api.error().kind(),
                 "status API: " + api.error().sentence() +
                     "; choose another with --api-address ADDRESS:PORT, or 'off'");
  }
  api_ = std::move(api).value();
  return {};
}

Result<StoredState> UpSession::load_state() {
  auto loaded = StateFile(directories_.state + "/state.json").load();
  if (!loaded) {
    return loaded;
  }
  StoredState& state = loaded.value();
  if (state.instance.empty()) {
    state.instance = random_hex(4);
  }
  const std::string boot = current_boot_id();
  if (state.boot_id != boot) {
    // After a reboot no worker can be left, and instants mean nothing any more.
    PoolRecord fresh;
    fresh.next_generation = state.pool.next_generation;
    fresh.size = state.pool.size;
    fresh.condemned = state.pool.condemned;
    state.pool = std::move(fresh);
    state.processes.clear();
    state.boot_id = boot;
  }
  state.pool.next_generation = std::max(state.pool.next_generation,
                                        highest_generation(directories_, loaded_.config.name) + 1);
  // The shutdown it was written in is over.
  state.pool.shutting_down = false;
  return loaded;
}

void UpSession::watch_signals() {
  for (const int number : {SIGINT, SIGTERM}) {
    signals_.on(number, [this] { stop_by_signal(); });
  }
  const bool has_terminal = isatty(STDIN_FILENO) == 1 && !detached_.has_value();
  signals_.on(SIGHUP, [this, has_terminal] {
    if (has_terminal) {
      stop_by_signal();  // the terminal was closed
    } else if (supervisor_ != nullptr) {
      static_cast<void>(supervisor_->reload().ok());  // logged there
    }
  });
}

void UpSession::begin() {
  const std::string what = std::to_string(loaded_.config.policy.size) +
                           (loaded_.config.policy.size == 1 ? " worker" : " workers");
  log_->info("pool",
             "sc-pool " SCPOOL_VERSION " begins",
             {{"pool", loaded_.config.name}, {"size", what}, {"config", loaded_.file}});
  if (inherited_) {
    tick();
    keep_alive();
    go_on();
    return;
  }
  screen_.begin("Starting pool " + loaded_.config.name + ": " + what +
                (loaded_.mode == PoolMode::Local ? " and a server on this machine." : "."));
  const Settings& settings = invocation_.settings;
  Duration limit = settings.duration("timeout");
  if (limit == Duration::zero() && detached_.has_value()) {
    limit = kDetachedLimit;
  }
  if (limit > Duration::zero()) {
    deadline_.start(limit, [this, limit] {
      give_up(ExitCode::DeadlinePassed, "not ready after " + duration_text(limit));
    });
  }
  tick();
  keep_alive();
  ask_for_time();
  if (loaded_.mode == PoolMode::Cloud) {
    check_account();
  } else if (const auto started = start_grid(); !started) {
    give_up(ExitCode::Failed, started.error().sentence());
  }
}

// The account was asked for by the program before us, and the server of --local runs.
void UpSession::go_on() {
  if (loaded_.mode == PoolMode::Local) {
    if (const auto resumed = start_grid(); !resumed) {
      give_up(ExitCode::Failed, resumed.error().sentence());
    }
    return;
  }
  const auto account = account_of(loaded_.config, directories_);
  if (account) {
    start_pool(account.value());
  } else {
    give_up(ExitCode::Failed, account.error().sentence());
  }
}

// The account is asked for once before any worker is: a wrong key or address is then one clear
// answer. A service manager's start goes on without an answer; the network may come later.
void UpSession::check_account() {
  auto account = account_of(loaded_.config, directories_);
  if (!account) {
    give_up(ExitCode::Failed, account.error().sentence());
    return;
  }
  if (loaded_.config.policy.rest_period == Duration::zero()) {
    start_pool(account.value());
    return;
  }
  account_check_ = std::make_unique<TunnelDirectory>(
      client_, account.value(), loaded_.config.tunnel_name, state_.instance, [](const PoolEvent&) {
      });
  account_check_->check_account(loaded_.config.policy.rest_timeout,
                                [this, account = account.value()](const Result<void>& answer) {
                                  const bool may_come_later =
                                      notify_.listened_to() && !answer.ok() &&
                                      answer.error().kind() != ErrorKind::Denied;
                                  if (answer.ok() || may_come_later) {
                                    start_pool(account);
                                  } else {
                                    give_up(ExitCode::Failed, answer.error().sentence());
                                  }
                                });
}

void UpSession::start_pool(const RestAccount& account) {
  if (going_down_) {
    return;
  }
  account_ = account;
  Supervisor::Setup setup;
  setup.config = loaded_.config;
  setup.account = account;
  setup.kind = kind_;
  setup.directories = directories_;
  setup.state = state_;
  setup.state_path = directories_.state + "/state.json";
  setup.log_file = log_path(directories_, loaded_.config);
  setup.control_socket = socket_path(directories_, loaded_.config);
  setup.config_file = absolute_path(loaded_.file);
  setup.api_address = api_ == nullptr ? "" : api_->address();
  setup.local = local_;
  setup.configuration_text = loaded_.text;
  setup.read_config = [this](Supervisor::ReadFor wish) {
    return wish == Supervisor::ReadFor::Use ? read_config_again() : load_config_again();
  };
  setup.upgrade = [this](const UpgradeOrder& order) { return upgrade_.begin(order); };
  setup.upgrade_report = [this] { return upgrade_.report(); };
  setup.inherited = inherited_;
  connect_store(setup);
  remember_config(account);
  Supervisor::Events events;
  events.on_entry = [this](const JournalEntry& entry) {
    screen_.note(entry);
    if (control_ != nullptr) {
      control_->note_news();
    }
    if (api_ != nullptr) {
      api_->note_news();
    }
  };
  events.on_changed = [this] { note_change(); };
  events.on_finished = [this] { note_finished(); };
  const std::string socket = setup.control_socket;
  supervisor_ = std::make_unique<Supervisor>(loop_, *log_, std::move(setup), std::move(events));
  const std::string& group = loaded_.config.control.group;
  auto control =
      inherited_ && inherited_->control >= 0
          ? ControlSocket::adopt(loop_, OpenDescriptor(inherited_->control), group, *supervisor_)
          : ControlSocket::listen(loop_, socket, group, *supervisor_);
  if (!control) {
    supervisor_.reset();
    give_up(ExitCode::Failed, control.error().sentence());
    return;
  }
  control_ = std::move(control).value();
  if (api_ != nullptr) {
    api_->show(supervisor_.get());
  }
  supervisor_->start();
  if (inherited_) {
    loop_.post([this] { confirm_takeover(); });  // once the loop has turned
  }
}

void UpSession::connect_store(Supervisor::Setup& setup) {
  setup.keep = [this](WorkerId worker, int pidfd) { notify_.keep(stored_name(worker), pidfd); };
  setup.let_go = [this](WorkerId worker) { notify_.let_go(stored_name(worker)); };
  for (auto& [name, descriptor] : notify_.take_kept()) {
    if (const auto worker = stored_worker(name)) {
      setup.kept[*worker] = std::move(descriptor);
    } else {
      notify_.let_go(name);
    }
  }
}

// The service manager is told, so that `systemctl reload` and `systemctl status` know of it too
// when it was `sc-pool reload` or a signal that asked.
Result<LaunchConfig> UpSession::read_config_again() {
  const bool tells = told_ready_ && !going_down_;
  if (tells) {
    notify_.reloading(loop_.now());
  }
  auto read = load_config_again();
  if (read) {
    remember_config(read.value().account);
  }
  if (tells) {
    notify_.ready();
  }
  return read;
}

Result<LaunchConfig> UpSession::load_config_again() {
  auto loaded = load_pool_config(invocation_);
  if (const auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    std::string sentence;
    for (const Error& problem : *problems) {
      sentence += (sentence.empty() ? "" : "; ") + problem.sentence();
    }
    return Error(ErrorKind::Invalid, sentence);
  }
  PoolConfig& config = std::get<LoadedConfig>(loaded).config;
  std::string& text = std::get<LoadedConfig>(loaded).text;
  const auto program = find_worker_program(config.worker);
  if (!program) {
    return program.error();
  }
  const WorkerKind* kind = program.value().kind;
  if (local_.has_value()) {
    return LaunchConfig{std::move(config), account_, kind, std::move(text)};
  }
  auto account = account_of(config, directories_);
  if (!account) {
    return account.error();
  }
  return LaunchConfig{std::move(config), std::move(account).value(), kind, std::move(text)};
}

}  // namespace scpool::supervisor
