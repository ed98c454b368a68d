#include "supervisor/supervisor.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "supervisor/io/files.hpp"
#include "supervisor/io/program_search.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kJournalSize = 4096;
// What changes together is synced once.
constexpr Duration kSyncDelay = std::chrono::seconds{1};

// Above the cursors of any earlier supervisor: nobody writes a thousand entries a second for long.
std::uint64_t first_cursor(WallTime now) {
  return static_cast<std::uint64_t>(unix_seconds(now)) * 1000;
}

ExitCause spawn_failure_cause(const Error& error) {
  return error.kind() == ErrorKind::Exhausted || error.kind() == ErrorKind::System
             ? ExitCause::Resources
             : ExitCause::Configuration;
}

bool is_bad_news(const JournalEntry& entry) {
  return !entry.cause.empty() && entry.cause != to_text(ExitCause::Asked);
}

}  // namespace

Supervisor::Supervisor(EventLoop& loop, Log& log, Setup setup, Events events)
    : loop_(loop),
      log_(log),
      setup_(std::move(setup)),
      events_(std::move(events)),
      started_at_(setup_.inherited ? setup_.inherited->started_at : loop.wall_now()),
      event_file_(setup_.directories.state + "/events.ndjson"),
      journal_(kJournalSize,
               setup_.inherited ? setup_.inherited->journal.next_cursor : first_cursor(started_at_),
               event_file_.load()),
      figures_(loop.now()),
      state_file_(setup_.state_path),
      client_(loop),
      probe_(loop, client_),
      tunnels_(client_,
               setup_.account,
               setup_.config.tunnel_name,
               setup_.state.instance,
               [this](PoolEvent event) { submit(std::move(event)); }),
      current_config_(hash_of({setup_.config, setup_.account, setup_.kind, {}})),
      controller_({setup_.config.policy, current_config_, setup_.state.pool, random_seed()}),
      turn_end_(loop, [this] { pump(); }),
      wake_(loop, [this] { submit(TimerFired{}); }),
      stop_limit_(loop),
      log_timer_(loop),
      program_timer_(loop),
      sync_timer_(loop) {
  launch_configs_.emplace(current_config_,
                          LaunchConfig{setup_.config, setup_.account, setup_.kind, {}});
  computed_at_takeover_ =
      setup_.config.worker_hash(setup_.account.access_key, program_mark(setup_.config));
  if (setup_.inherited && setup_.inherited->journal.next_cursor > 0) {
    journal_.restore(std::exchange(setup_.inherited->journal, {}));
  }
}

void Supervisor::start() {
  for (const KnownProcess& known : setup_.state.processes) {
    take_back(known);
  }
  if (!setup_.inherited) {
    take_back_unrecorded();
    JournalEntry began;
    began.event = "supervisor-started";
    began.reason = to_text(ReasonKind::PoolStart);
    began.detail = "sc-pool " SCPOOL_VERSION ", pid " + std::to_string(getpid()) + ", " +
                   std::to_string(workers_.size()) + " running workers taken back";
    note(std::move(began));
  }
  for (const auto& [worker, pidfd] : std::exchange(setup_.kept, {})) {
    if (find(worker) == nullptr) {
      setup_.let_go(worker);
    }
  }
  submit(PoolStarted{});
  keep_logs();
  look_at_program();
}

void Supervisor::submit(PoolEvent event) {
  queue_.push_back(std::move(event));
  if (!pumping_) {
    pump();
  }
}

void Supervisor::submit_with_turn(PoolEvent event) {
  queue_.push_back(std::move(event));
  turn_end_.arm();
}

// On all that has happened. The record of the last decision holds those before, so it is written
// once, before the first action.
PoolActions Supervisor::decide() {
  PoolActions actions;
  bool writes = false;
  while (!queue_.empty()) {
    const PoolEvent event = std::move(queue_.front());
    queue_.pop_front();
    figures_.note(event, loop_.now());
    for (PoolAction& action : controller_.handle(event, loop_.now())) {
      if (std::holds_alternative<WriteState>(action)) {
        writes = true;
      } else {
        actions.push_back(std::move(action));
      }
    }
  }
  if (writes) {
    actions.insert(actions.begin(), WriteState{});
  }
  return actions;
}

// Actions may queue events; those are handled after all actions of the earlier ones.
void Supervisor::pump() {
  if (pumping_ || queue_.empty()) {
    return;
  }
  pumping_ = true;
  while (!queue_.empty()) {
    for (const PoolAction& action : decide()) {
      if (auto entry = journal_entry(action)) {
        note(std::move(*entry));
      }
      perform(action);
    }
  }
  pumping_ = false;
  note_strength();
  wake_.arm(controller_.next_deadline());
  if (events_.on_changed) {
    events_.on_changed();
  }
  if (controller_.finished() && !std::exchange(finished_, true)) {
    wake_.arm(kNever);
    stop_limit_.cancel();
    log_timer_.cancel();
    program_timer_.cancel();
    sync_timer_.cancel();
    sync_state();
    events_.on_finished();
  }
}

void Supervisor::note_strength() {
  const PoolSnapshot pool = snapshot();
  figures_.note_strength(pool.shutting_down ? pool.size : pool.ready, pool.size, loop_.now());
}

void Supervisor::note(JournalEntry entry) {
  const JournalEntry& written = journal_.append(std::move(entry), loop_.wall_now());
  figures_.note(written);
  const auto kept = event_file_.append(written, journal_);
  if (!kept.ok() && events_kept_) {
    log_.error("state", "events are not kept on disk: " + kept.error().sentence());
  }
  events_kept_ = kept.ok();
  if (is_bad_news(written)) {
    log_.error("pool", written.sentence());
  } else {
    log_.info("pool", written.sentence());
  }
  if (events_.on_entry) {
    events_.on_entry(written);
  }
}

struct Supervisor::Performer {
  Supervisor& shell;

  void operator()(const StartWorker& action) const { shell.start_worker(action); }
  void operator()(const DrainWorker& action) const {
    if (WorkerProcess* process = shell.find(action.worker)) {
      process->drain();
    }
  }
  void operator()(const SignalWorker& action) const {
    WorkerProcess* process = shell.find(action.worker);
    if (process == nullptr) {
      return;
    }
    if (action.signal == WorkerSignal::Kill) {
      process->kill();
    } else {
      process->stop();
    }
  }
  void operator()(const ProbeWorker& action) const { shell.probe(action.worker); }
  void operator()(const ListTunnels& action) const {
    shell.tunnels_.list(shell.setup_.config.policy.rest_timeout);
    if (action.reason.kind == ReasonKind::ProbeDue) {
      shell.count_jobs();
    }
  }
  void operator()(const DeleteTunnel& action) const {
    if (shell.setup_.config.policy.rest_period == Duration::zero()) {
      shell.submit(TunnelDeleted{action.tunnel});  // REST is not to be asked at all
      return;
    }
    shell.tunnels_.remove(action.tunnel, shell.setup_.config.policy.rest_timeout);
  }
  void operator()(const WriteState&) const { shell.write_state(); }
  void operator()(const Announce&) const {}        // noted already
  void operator()(const FinishShutdown&) const {}  // pump() looks for it
};

void Supervisor::perform(const PoolAction& action) {
  std::visit(Performer{*this}, action);
}

WorkerProcess* Supervisor::find(WorkerId worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? nullptr : found->second.get();
}

const LaunchConfig& Supervisor::launch_config(ConfigHash hash) const {
  const auto found = launch_configs_.find(hash);
  // The configuration of an earlier supervisor is not known any more; ours is the best there is.
  return found == launch_configs_.end() ? launch_configs_.at(current_config_) : found->second;
}

Result<std::unique_ptr<WorkerProcess>> Supervisor::spawn(WorkerId worker,
                                                         const LaunchConfig& launch) {
  LaunchingPool pool{setup_.directories, setup_.state.instance, setup_.control_socket, {}};
  for (const auto& [other, process] : workers_) {
    pool.taken.push_back(process->api_address());
  }
  auto made = make_worker_launch(launch, pool, worker);
  if (!made) {
    return made.error();
  }
  const WorkerKind& kind = *launch.kind;
  return WorkerProcess::start(loop_,
                              kind,
                              std::move(made).value(),
                              [this, worker, &kind](const WorkerExit& exit, const Evidence& left) {
                                note_exit(worker, kind, exit, left);
                              });
}

void Supervisor::start_worker(const StartWorker& action) {
  const WorkerId worker = action.worker;
  auto process = spawn(worker, launch_config(action.config));
  if (!process) {
    log_.error("pool", "worker " + to_text(worker) + ": " + process.error().sentence());
    submit(SpawnFailed{worker, spawn_failure_cause(process.error()), process.error().sentence()});
    return;
  }
  setup_.keep(worker, process.value()->pidfd());
  const bool found_by_name = process.value()->kind().api == ApiTransport::UnixSocket;
  workers_.emplace(worker, std::move(process).value());
  if (!found_by_name) {
    write_state();  // where its API listens stands nowhere else
  }
  submit(WorkerSpawned{worker});  // with which its identity is written
}

void Supervisor::note_exit(WorkerId worker,
                           const WorkerKind& kind,
                           const WorkerExit& exit,
                           const Evidence& evidence) {
  probe_.forget(worker);
  counted_jobs_.erase(worker);
  setup_.let_go(worker);
  const auto found = workers_.find(worker);
  if (found != workers_.end()) {
    loop_.retire(std::move(found->second));
    workers_.erase(found);
  }
  log_.info("pool",
            "worker " + to_text(worker) + " " + exit_text(exit),
            {{"peak_memory", size_text(evidence.max_resident_bytes)},
             {"last_line", evidence.last_lines.empty() ? "" : evidence.last_lines.back()}});
  submit_with_turn(WorkerExited{worker, exit, evidence, classify_exit(kind, exit, evidence)});
}

void Supervisor::probe(WorkerId worker) {
  const WorkerProcess* process = find(worker);
  if (process == nullptr) {
    return;
  }
  probe_.start(*process,
               setup_.config.policy.probe_timeout,
               [this, began = loop_.now()](std::variant<ProbeAnswered, ProbeFailed> answer) {
                 figures_.note_probe(loop_.now() - began);
                 std::visit([this](auto& event) { submit_with_turn(std::move(event)); }, answer);
               });
}

StoredState Supervisor::stored_state() const {
  StoredState state;
  state.instance = setup_.state.instance;
  state.boot_id = setup_.state.boot_id;
  state.pool = controller_.record();
  for (const auto& [worker, process] : workers_) {
    state.processes.push_back({worker,
                               process->pid(),
                               process->start_time(),
                               process->kind().name,
                               process->kind().since,
                               process->api_address()});
  }
  return state;
}

void Supervisor::write_state() {
  if (const auto saved = state_file_.save(stored_state()); !saved) {
    log_.error("state", "the pool's state could not be written: " + saved.error().sentence());
  }
  if (!sync_timer_.armed() && !finished_) {
    sync_timer_.start(kSyncDelay, [this] { sync_state(); });
  }
}

void Supervisor::sync_state() {
  if (const auto synced = state_file_.sync(); !synced) {
    log_.error("state", "the pool's state could not be synced: " + synced.error().sentence());
  }
}

}  // namespace scpool::supervisor
