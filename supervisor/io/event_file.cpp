#include "supervisor/io/event_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

// Small files are not worth the work.
constexpr std::size_t kFewestLines = 1000;

}  // namespace

std::vector<JournalEntry> EventFile::load() {
  std::ifstream file(path_);
  std::ostringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  torn_ = !text.empty() && !text.ends_with('\n');
  std::vector<JournalEntry> entries;
  for (const std::string_view line : split(text, '\n')) {
    lines_ += line.empty() ? 0U : 1U;
    auto entry = parse_journal_entry(line);
    // Cursors grow; anything else was not written by us.
    if (entry && (entries.empty() || entry->cursor > entries.back().cursor)) {
      entries.push_back(std::move(*entry));
    }
  }
  return entries;
}

Result<void> EventFile::write_all(const std::string& path,
                                  int flags,
                                  const std::string& text) const {
  const int descriptor =
      open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (descriptor < 0) {
    return Error::from_errno(errno, path);
  }
  const ssize_t count = write(descriptor, text.data(), text.size());
  const int reason = count < 0 ? errno : ENOSPC;
  close(descriptor);
  if (count != static_cast<ssize_t>(text.size())) {
    return Error::from_errno(reason, path);
  }
  return {};
}

Result<void> EventFile::append(const JournalEntry& entry, const EventJournal& journal) {
  if (lines_ >= kFewestLines && lines_ >= 2 * journal.entries().size()) {
    return rewrite(journal);
  }
  auto written = write_all(path_, O_APPEND, (torn_ ? "\n" : "") + entry.json() + "\n");
  torn_ = !written.ok();
  lines_ += written.ok() ? 1U : 0U;
  return written;
}

Result<void> EventFile::rewrite(const EventJournal& journal) {
  std::string text;
  for (const JournalEntry& entry : journal.entries()) {
    text += entry.json() + "\n";
  }
  const std::string temporary = path_ + ".new";
  auto written = write_all(temporary, O_TRUNC, text);
  if (written.ok() && rename(temporary.c_str(), path_.c_str()) != 0) {
    written = Error::from_errno(errno, path_);
  }
  if (!written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  lines_ = journal.entries().size();
  torn_ = false;
  return {};
}

}  // namespace scpool::supervisor
