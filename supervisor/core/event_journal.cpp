#include "supervisor/core/event_journal.hpp"

#include <algorithm>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
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
  return json_text(root);
}

std::optional<JournalEntry> parse_journal_entry(std::string_view line) {
  const Json root = parse_json(line);
  const auto text_at = [&root](const char* key) {
    const auto found = root.find(key);
    return found != root.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number_at = [&root](const char* key) -> std::optional<std::uint64_t> {
    const auto found = root.find(key);
    return found != root.end() && found->is_number_unsigned()
               ? std::optional(found->get<std::uint64_t>())
               : std::nullopt;
  };
  if (!root.is_object() || !number_at("cursor") || text_at("event").empty()) {
    return std::nullopt;
  }
  const auto at = parse_rfc3339(text_at("time"));
  if (!at) {
    return std::nullopt;
  }
  JournalEntry entry;
  entry.cursor = *number_at("cursor");
  entry.at = *at;
  entry.event = text_at("event");
  const auto slot = number_at("slot");
  const auto generation = number_at("generation");
  if (slot && generation && *slot <= UINT32_MAX) {
    entry.worker = WorkerId{{static_cast<std::uint32_t>(*slot)}, {*generation}};
  }
  entry.state = text_at("state");
  entry.cause = text_at("cause");
  entry.reason = text_at("reason");
  entry.detail = text_at("detail");
  return entry;
}

EventJournal::EventJournal(std::size_t capacity,
                           std::uint64_t first_cursor,
                           std::vector<JournalEntry> kept)
    : capacity_(capacity), next_cursor_(first_cursor), forgotten_(first_cursor - 1) {
  for (JournalEntry& entry : kept) {
    entries_.push_back(std::move(entry));
  }
  while (entries_.size() > capacity_) {
    entries_.pop_front();
  }
  if (!entries_.empty()) {
    forgotten_ = entries_.front().cursor - 1;
    next_cursor_ = std::max(first_cursor, entries_.back().cursor + 1);
  }
}

JournalRecord EventJournal::record() const {
  return {next_cursor_, started_, ended_};
}

void EventJournal::restore(JournalRecord record) {
  started_ = record.started;
  ended_ = std::move(record.ended);
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
    forgotten_ = entries_.front().cursor;
    entries_.pop_front();
  }
  return entries_.back();
}

EventJournal::Page EventJournal::after(std::uint64_t cursor, std::size_t limit) const {
  Page page;
  auto next = entries_.begin();
  if (has_forgotten(cursor)) {
    JournalEntry gap;
    gap.cursor = forgotten_;
    gap.at = entries_.empty() ? WallTime{} : entries_.front().at;
    gap.event = "gap";
    gap.reason = cursor < forgotten_ ? "not-kept" : "unknown-cursor";
    gap.detail = "events after cursor " + std::to_string(cursor) + " up to " +
                 std::to_string(forgotten_) + " are not kept any more";
    page.entries.push_back(std::move(gap));
  } else {
    next = std::upper_bound(
        entries_.begin(),
        entries_.end(),
        cursor,
        [](std::uint64_t seen, const JournalEntry& entry) { return seen < entry.cursor; });
  }
  while (next != entries_.end() && page.entries.size() < limit) {
    page.entries.push_back(*next++);
  }
  page.complete = next == entries_.end();
  return page;
}

std::vector<JournalEntry> EventJournal::newest(std::size_t count) const {
  const auto skipped = entries_.size() - std::min(count, entries_.size());
  return {entries_.begin() + static_cast<std::ptrdiff_t>(skipped), entries_.end()};
}

}  // namespace scpool::supervisor
