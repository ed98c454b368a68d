#include "supervisor/core/event_journal.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

JournalEntry entry_of(std::string event, std::optional<WorkerId> worker, const Reason& reason) {
  JournalEntry entry;
  entry.event = std::move(event);
  entry.worker = worker;
  entry.reason = to_text(reason.kind);
  entry.detail = reason.detail;
  return entry;
}

struct EntryMaker {
  using Entry = std::optional<JournalEntry>;

  Entry operator()(const StartWorker& action) const {
    return entry_of("start-worker", action.worker, action.reason);
  }
  Entry operator()(const DrainWorker& action) const {
    return entry_of("drain-worker", action.worker, action.reason);
  }
  Entry operator()(const SignalWorker& action) const {
    return entry_of(action.signal == WorkerSignal::Kill ? "kill-worker" : "stop-worker",
                    action.worker,
                    action.reason);
  }
  Entry operator()(const DeleteTunnel& action) const {
    JournalEntry entry = entry_of("delete-tunnel", std::nullopt, action.reason);
    entry.detail = action.tunnel.value + (entry.detail.empty() ? "" : ": ") + entry.detail;
    return entry;
  }
  Entry operator()(const Announce& action) const {
    JournalEntry entry =
        entry_of(action.worker.has_value() ? "worker" : "pool", action.worker, action.reason);
    if (action.state.has_value()) {
      entry.state = to_text(*action.state);
      entry.event += "-" + entry.state;
    }
    if (action.cause.has_value()) {
      entry.cause = to_text(*action.cause);
    }
    return entry;
  }
  Entry operator()(const ProbeWorker&) const { return std::nullopt; }
  Entry operator()(const ListTunnels&) const { return std::nullopt; }
  Entry operator()(const WriteState&) const { return std::nullopt; }
  Entry operator()(const FinishShutdown&) const {
    return entry_of("pool-down", std::nullopt, {ReasonKind::ShuttingDown, ""});
  }
};

}  // namespace

std::optional<JournalEntry> journal_entry(const PoolAction& action) {
  return std::visit(EntryMaker{}, action);
}

std::string JournalEntry::sentence() const {
  std::string text;
  if (worker.has_value()) {
    text = "worker " + to_text(*worker) + " ";
  }
  text += state.empty() ? event : state;
  for (const std::string* part : {&cause, &reason, &detail}) {
    if (!part->empty()) {
      text += ": " + *part;
    }
  }
  return text;
}

std::string JournalEntry::json() const {
  Json root = {{"cursor", cursor}, {"time", rfc3339(at)}, {"event", event}, {"reason", reason}};
  if (worker.has_value()) {
    root["slot"] = worker->slot.value;
    root["generation"] = worker->generation.value;
  }
  const std::pair<const char*, const std::string*> optional_parts[] = {
      {"state", &state}, {"cause", &cause}, {"detail", &detail}};
  for (const auto& [key, value] : optional_parts) {
    if (!value->empty()) {
      root[key] = *value;
    }
  }
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const JournalEntry& EventJournal::append(JournalEntry entry, WallTime at) {
  entry.cursor = next_cursor_++;
  entry.at = at;
  started_ += entry.event == "start-worker" ? 1U : 0U;
  if (entry.state == to_text(WorkerState::Exited)) {
    ended_[entry.cause.empty() ? std::string(to_text(ExitCause::Unknown)) : entry.cause] += 1;
  }
  entries_.push_back(std::move(entry));
  if (entries_.size() > capacity_) {
    entries_.pop_front();
  }
  return entries_.back();
}

EventJournal::Page EventJournal::from(std::uint64_t cursor, std::size_t limit) const {
  Page page;
  page.next = next_cursor_;
  const std::uint64_t oldest = next_cursor_ - entries_.size();
  page.gap = cursor != 0 && cursor < oldest;
  for (const JournalEntry& entry : entries_) {
    if (entry.cursor < cursor) {
      continue;
    }
    if (page.entries.size() == limit) {
      page.next = entry.cursor;
      break;
    }
    page.entries.push_back(entry);
  }
  return page;
}

}  // namespace scpool::supervisor
