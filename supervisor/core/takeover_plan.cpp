#include "supervisor/core/takeover_plan.hpp"

#include <algorithm>

#include "supervisor/core/event_journal.hpp"
#include "supervisor/core/pool_controller.hpp"

namespace scpool::supervisor {
namespace {

// Jitter must not make two programs differ.
constexpr std::uint64_t kSeed = 1;

void add_deeds(const PoolActions& actions, std::vector<std::string>& lines) {
  for (const PoolAction& action : actions) {
    if (const auto entry = journal_entry(action)) {
      lines.push_back(entry->sentence());
    }
  }
}

}  // namespace

std::vector<std::string> takeover_plan(const TakeoverQuestion& question) {
  PoolController controller({question.policy, question.config, question.record, kSeed});
  std::vector<std::string> deeds;
  for (const WorkerRecord& record : question.record.workers) {
    if (std::find(question.living.begin(), question.living.end(), record.worker) !=
        question.living.end()) {
      const WorkerAdopted adopted{record.worker, record.started_at, record.config};
      add_deeds(controller.handle(adopted, question.now), deeds);
    }
  }
  add_deeds(controller.handle(PoolStarted{}, question.now), deeds);
  const PoolSnapshot snapshot = controller.snapshot(question.now);
  std::vector<std::string> lines = {"size " + std::to_string(snapshot.size)};
  for (const WorkerSnapshot& worker : snapshot.workers) {
    lines.push_back("worker " + to_text(worker.worker) + " " + std::string(to_text(worker.state)));
  }
  lines.insert(lines.end(), deeds.begin(), deeds.end());
  return lines;
}

std::string disagreement(std::span<const std::string> ours, std::span<const std::string> theirs) {
  const auto [one, other] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  const auto text = [](bool there, const std::string& line) {
    return there ? "'" + line + "'" : std::string("nothing more");
  };
  if (one == ours.end() && other == theirs.end()) {
    return {};
  }
  static const std::string kNone;
  return "where this one plans " + text(one != ours.end(), one != ours.end() ? *one : kNone) +
         ", it plans " + text(other != theirs.end(), other != theirs.end() ? *other : kNone);
}

}  // namespace scpool::supervisor
