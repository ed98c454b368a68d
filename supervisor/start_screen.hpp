// What `up` shows: a line per worker as it comes up, then how to use the pool, later only what an
// operator should see: a worker lost, the pool below strength or back, the drain. Calm by design;
// the whole story is in the log. Not in the layout's list: it keeps words out of `up`.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "supervisor/core/event_journal.hpp"
#include "supervisor/core/status_report.hpp"
#include "supervisor/terminal.hpp"

namespace scpool::supervisor {

class StartScreen {
 public:
  // `program`: how sc-pool was called, for the lines to paste.
  StartScreen(Terminal& terminal, std::string program)
      : terminal_(terminal), program_(std::move(program)) {}
  // Added to every verb to paste: "--pool NAME" when several pools are up.
  void select_with(std::string words) { selection_ = std::move(words); }

  void begin(std::string_view sentence);
  void server_serving(const LocalFacts& local, Duration after);
  // After each turn: new states become lines, the rest the live line.
  void show(const PoolSnapshot& pool);
  // A worker that ended without being asked, with its cause; nothing for other entries.
  void note(const JournalEntry& entry);
  void how_to_use(const StatusReport& report, Duration after);
  void server_lost(const std::string& cause);
  // Another program of this process has shown all that came before.
  void resume() { phase_ = Phase::Serving; }
  void upgraded(std::string_view sentence);
  void draining(std::string_view sentence);
  void stopped(Duration after);
  void failed(std::string_view sentence);
  // The next picture of the live line; a few times a second, on a terminal.
  void tick();
  bool moves() const { return !live_.empty(); }
  void close();

 private:
  enum class Phase { Starting, Serving, Draining };
  std::string pictogram() const;
  void show_starting(const PoolSnapshot& pool);
  void show_serving(const PoolSnapshot& pool);
  void show_live();
  std::string verb(const std::string& words) const;

  Terminal& terminal_;
  std::string program_;
  std::string selection_;
  Phase phase_ = Phase::Starting;
  std::map<WorkerId, WorkerState> known_;
  std::map<SlotIndex, std::uint32_t> failures_;
  bool below_strength_ = false;
  std::string live_;
  std::size_t picture_ = 0;
};

}  // namespace scpool::supervisor
