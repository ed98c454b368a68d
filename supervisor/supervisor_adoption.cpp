// What an earlier supervisor left: its workers are taken back, files of dead ones removed.
#include <algorithm>
#include <set>
#include <utility>

#include "supervisor/io/worker_search.hpp"
#include "supervisor/supervisor.hpp"

namespace scpool::supervisor {

// Started just before an earlier supervisor was killed, or while its disk was full.
void Supervisor::take_back_unrecorded() {
  const auto& records = setup_.state.pool.workers;
  std::set<WorkerId> living;
  for (const KnownProcess& found : search_workers(setup_.directories, setup_.config.name)) {
    living.insert(found.worker);
    if (find(found.worker) != nullptr) {
      continue;
    }
    const bool recorded = std::any_of(records.begin(), records.end(), [&found](const auto& each) {
      return each.worker == found.worker;
    });
    if (recorded) {
      take_back(found);
      continue;
    }
    log_.error("pool",
               "worker " + to_text(found.worker) + " is not in the pool's record: asked to end",
               {{"pid", std::to_string(found.pid)}});
    const auto stranger =
        ChildProcess::adopt(loop_, {found.pid, found.start_time}, [](const ProcessExit&) {});
    if (stranger) {
      stranger.value()->signal(setup_.kind->drain_signal);
    }
  }
  for (const auto& [worker, process] : workers_) {
    living.insert(worker);
  }
  remove_stale_run_files(setup_.directories, setup_.config.name, living);
}

// A worker that an earlier supervisor of this boot left behind and that still lives.
void Supervisor::take_back(const KnownProcess& known) {
  const auto& records = setup_.state.pool.workers;
  const auto record = std::find_if(records.begin(), records.end(), [&known](const auto& each) {
    return each.worker == known.worker;
  });
  if (record == records.end()) {
    return;
  }
  WorkerLaunch launch;
  launch.worker = known.worker;
  launch.files = worker_files(setup_.directories, setup_.config.name, known.worker);
  launch.api_address =
      known.api_address.empty() ? "unix:" + launch.files.socket : known.api_address;
  const WorkerKind* recorded = find_worker_kind(known.kind, known.kind_since);
  const WorkerKind& kind = recorded == nullptr ? *setup_.kind : *recorded;
  const WorkerId worker = known.worker;
  const auto kept = setup_.kept.find(worker);
  const bool was_kept = kept != setup_.kept.end();
  auto process =
      WorkerProcess::adopt(loop_,
                           kind,
                           std::move(launch),
                           {known.pid, known.start_time},
                           was_kept ? std::move(kept->second) : OpenDescriptor{},
                           [this, worker, &kind](const WorkerExit& exit, const Evidence& left) {
                             note_exit(worker, kind, exit, left);
                           });
  if (process) {
    if (!was_kept && !setup_.inherited) {
      setup_.keep(worker, process.value()->pidfd());
    }
    workers_.emplace(worker, std::move(process).value());
    submit(WorkerAdopted{worker, record->started_at, record->config});
  }
}

}  // namespace scpool::supervisor
