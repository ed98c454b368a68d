#include "supervisor/io/leftovers.hpp"

#include <utility>

namespace scpool::supervisor {

Leftovers::Leftovers(EventLoop& loop,
                     const WorkerKind& kind,
                     const PoolDirectories& directories,
                     const std::string& pool,
                     const std::vector<KnownProcess>& processes)
    : loop_(loop), timer_(loop) {
  for (const KnownProcess& known : processes) {
    WorkerLaunch launch;
    launch.worker = known.worker;
    launch.files = worker_files(directories, pool, known.worker);
    const WorkerKind* recorded = find_worker_kind(known.kind, known.kind_since);
    auto process = WorkerProcess::adopt(
        loop,
        recorded == nullptr ? kind : *recorded,
        std::move(launch),
        {known.pid, known.start_time},
        OpenDescriptor{},
        [this, worker = known.worker](const WorkerExit&, const Evidence&) { note_exit(worker); });
    if (process) {
      workers_.emplace(known.worker, std::move(process).value());
    }
  }
}

void Leftovers::end(const LeftoverRules& rules, std::function<void()> on_ended) {
  rules_ = rules;
  on_ended_ = std::move(on_ended);
  if (workers_.empty()) {
    on_ended_();
    return;
  }
  for (const auto& [id, worker] : workers_) {
    worker->drain();
  }
  if (rules_.drain_timeout > Duration::zero()) {
    timer_.start(rules_.drain_timeout, [this] { stop(); });
  } else {
    stop();
  }
}

void Leftovers::stop() {
  for (const auto& [id, worker] : workers_) {
    worker->stop();
  }
  timer_.start(rules_.stop_grace, [this] {
    for (const auto& [id, worker] : workers_) {
      worker->kill();
    }
  });
}

void Leftovers::note_exit(WorkerId worker) {
  const auto found = workers_.find(worker);
  loop_.retire(std::move(found->second));
  workers_.erase(found);
  if (workers_.empty() && on_ended_) {
    timer_.cancel();
    on_ended_();
  }
}

}  // namespace scpool::supervisor
