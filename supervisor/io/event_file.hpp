// The journal on disk, one JSON line an entry, so that readers of events go on without a gap when a
// supervisor takes over. Best effort: what cannot be written is missing after the next start, never
// in the way of the pool. Not in the layout's list.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "supervisor/core/event_journal.hpp"

namespace scpool::supervisor {

class EventFile {
 public:
  explicit EventFile(std::string path) : path_(std::move(path)) {}

  // What an earlier supervisor wrote, oldest first; lines that are not whole are left out.
  std::vector<JournalEntry> load();
  // Appends one entry. Once the file holds twice as many lines as the journal, it is written anew
  // from the journal.
  Result<void> append(const JournalEntry& entry, const EventJournal& journal);

 private:
  Result<void> write_all(const std::string& path, int flags, const std::string& text) const;
  Result<void> rewrite(const EventJournal& journal);

  std::string path_;
  std::size_t lines_ = 0;
  bool torn_ = false;  // the last line has no end
};

}  // namespace scpool::supervisor
