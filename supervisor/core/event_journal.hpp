// The pool's story: every action with its reason, numbered. The last few thousand are kept for
// `sc-pool events`; a reader goes on after the cursor it saw last and learns of a gap. The same
// entries become log lines and counters. Not in the layout's list: "each end leaves one record"
// needs one place that both log and API read. Owned by the supervisor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"
#include "supervisor/core/pool_actions.hpp"

namespace scpool::supervisor {

struct JournalEntry {
  std::uint64_t cursor = 0;
  WallTime at{};
  std::string event;               // "start-worker", "worker-ready", "pool"
  std::optional<WorkerId> worker;  // none: the pool itself
  std::string state;               // what the worker now is; may be empty
  std::string cause;               // of an end; may be empty
  std::string reason;              // "max-age"
  std::string detail;              // numbers for people; may be empty

  // "worker 2.17 exited: crash: killed by SIGSEGV", for log and terminal.
  std::string sentence() const;
  std::string json() const;  // one line, without its end
};

// The entry that json() wrote; nothing for anything else.
std::optional<JournalEntry> parse_journal_entry(std::string_view line);

// The entry of an action; nothing for those that are no news (probes, lists, state writes).
std::optional<JournalEntry> journal_entry(const PoolAction& action);

// What a journal's next owner goes on with.
struct JournalRecord {
  std::uint64_t next_cursor = 0;
  std::uint64_t started = 0;
  std::map<std::string, std::uint64_t> ended;
};

class EventJournal {
 public:
  // `kept` is what an earlier supervisor left, oldest first; `first_cursor` must be above all
  // cursors that were ever given out.
  EventJournal(std::size_t capacity,
               std::uint64_t first_cursor,
               std::vector<JournalEntry> kept = {});

  JournalRecord record() const;
  void restore(JournalRecord record);

  const JournalEntry& append(JournalEntry entry, WallTime at);

  struct Page {
    // In order. The first one is a "gap" when entries after the reader's cursor are not kept any
    // more, or when the cursor is not one of this journal; it bears the last cursor that is lost.
    std::vector<JournalEntry> entries;
    bool complete = true;  // nothing newer is left; otherwise go on after the last entry
  };
  // At most `limit` entries behind `cursor`, the last one the reader saw; 0: from the oldest kept.
  Page after(std::uint64_t cursor, std::size_t limit) const;
  // At most `count` entries, the newest.
  std::vector<JournalEntry> newest(std::size_t count) const;
  bool has_forgotten(std::uint64_t cursor) const {
    return cursor != 0 && (cursor < forgotten_ || cursor >= next_cursor_);
  }
  const std::deque<JournalEntry>& entries() const { return entries_; }
  std::uint64_t next_cursor() const { return next_cursor_; }

  std::uint64_t started() const { return started_; }
  const std::map<std::string, std::uint64_t>& ended_by_cause() const { return ended_; }

 private:
  std::size_t capacity_;
  std::uint64_t next_cursor_;
  std::uint64_t forgotten_;  // the newest cursor whose entry is not here any more
  std::deque<JournalEntry> entries_;
  std::uint64_t started_ = 0;
  std::map<std::string, std::uint64_t> ended_;
};

}  // namespace scpool::supervisor
