// The pool's story: every action with its reason, numbered. The last few thousand are kept for
// `sc-pool events`; a reader continues from the cursor it has and learns of a gap. The same entries
// become log lines and counters. Not in the layout's list: "each end leaves one record" needs one
// place that both log and API read. Owned by the supervisor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
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

// The entry of an action; nothing for those that are no news (probes, lists, state writes).
std::optional<JournalEntry> journal_entry(const PoolAction& action);

class EventJournal {
 public:
  // `first_cursor` must be above all cursors that earlier supervisors gave out.
  EventJournal(std::size_t capacity, std::uint64_t first_cursor)
      : capacity_(capacity), next_cursor_(first_cursor) {}

  const JournalEntry& append(JournalEntry entry, WallTime at);

  struct Page {
    std::vector<JournalEntry> entries;
    std::uint64_t next = 0;  // the cursor to continue from
    bool gap = false;        // entries between `cursor` and the first one are gone
  };
  // Entries from `cursor` on, at most `limit`; cursor 0 is the oldest there is.
  Page from(std::uint64_t cursor, std::size_t limit) const;
  std::uint64_t next_cursor() const { return next_cursor_; }

  std::uint64_t started() const { return started_; }
  const std::map<std::string, std::uint64_t>& ended_by_cause() const { return ended_; }

 private:
  std::size_t capacity_;
  std::uint64_t next_cursor_;
  std::deque<JournalEntry> entries_;
  std::uint64_t started_ = 0;
  std::map<std::string, std::uint64_t> ended_;
};

}  // namespace scpool::supervisor
