#include "supervisor/core/event_journal.hpp"

#include <doctest/doctest.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

using namespace scpool;
using namespace scpool::supervisor;

namespace {

const WorkerId kWorker{{2}, {17}};

JournalEntry pool_entry(const char* detail) {
  return *journal_entry(Announce{{}, {}, {}, {ReasonKind::StateChanged, detail}});
}

}  // namespace

TEST_CASE("what changes something is an entry with its reason, what only looks is none") {
  CHECK_FALSE(journal_entry(ProbeWorker{kWorker}).has_value());
  CHECK_FALSE(journal_entry(WriteState{}).has_value());
  CHECK_FALSE(journal_entry(ListTunnels{}).has_value());
  CHECK(journal_entry(StartWorker{kWorker, {}, {ReasonKind::PoolStart, ""}})->event ==
        "start-worker");
  CHECK(journal_entry(DrainWorker{kWorker, {ReasonKind::MaxAge, "24h"}})->event == "drain-worker");
  CHECK(journal_entry(SignalWorker{kWorker, WorkerSignal::Stop, {}})->event == "stop-worker");
  CHECK(journal_entry(SignalWorker{kWorker, WorkerSignal::Kill, {}})->event == "kill-worker");
  CHECK(journal_entry(DeleteTunnel{TunnelId{"abc"}, {}})->detail == "abc");
  CHECK(journal_entry(FinishShutdown{})->event == "pool-down");
}

TEST_CASE("an end has its cause, in text, JSON and counters") {
  EventJournal journal(8, 1000);
  journal.append(*journal_entry(StartWorker{kWorker, {}, {ReasonKind::PoolStart, ""}}), {});
  const JournalEntry& end = journal.append(
      *journal_entry(Announce{kWorker,
                              WorkerState::Exited,
                              ExitCause::Crash,
                              {ReasonKind::WorkerEnded, "killed by signal 11 \"\xff\""}}),
      wall_time_from_unix(1));
  CHECK(end.sentence() == "worker 2.17 exited: crash: worker-ended: killed by signal 11 \"\xff\"");
  const auto root = parse_json(end.json());
  CHECK(root["cursor"] == 1001);
  CHECK(root["time"] == "1970-01-01T00:00:01.000Z");
  CHECK(root["slot"] == 2);
  CHECK(root["generation"] == 17);
  CHECK(root["state"] == "exited");
  CHECK(root["cause"] == "crash");
  CHECK(end.json().find('\n') == std::string::npos);
  CHECK(journal.started() == 1);
  CHECK(journal.ended_by_cause().at("crash") == 1);
}

TEST_CASE("what was written to a line is the entry again") {
  JournalEntry entry = *journal_entry(Announce{kWorker,
                                               WorkerState::Exited,
                                               ExitCause::Crash,
                                               {ReasonKind::WorkerEnded, "signal 11 \"x\""}});
  entry.cursor = 41;
  entry.at = WallTime{std::chrono::milliseconds{1'700'000'000'123}};
  const auto again = parse_journal_entry(entry.json());
  REQUIRE(again.has_value());
  CHECK(again->json() == entry.json());
  CHECK(again->worker == kWorker);
  CHECK(again->at == entry.at);
  for (const char* broken : {"",
                             "{}",
                             "[1]",
                             "{\"cursor\":1,\"event\":\"x\",\"time\":\"soon\"}",
                             "{\"cursor\":\"1\",\"event\":\"x\"}"}) {
    CAPTURE(broken);
    CHECK_FALSE(parse_journal_entry(broken).has_value());
  }
}

TEST_CASE("a reader goes on after its cursor and is told of a gap") {
  EventJournal journal(3, 10);
  CHECK(journal.after(0, 100).entries.empty());
  for (const char* detail : {"a", "b", "c", "d", "e"}) {
    journal.append(pool_entry(detail), wall_time_from_unix(5));
  }
  const auto all = journal.after(0, 100);
  REQUIRE(all.entries.size() == 3);
  CHECK(all.entries.front().detail == "c");
  CHECK(all.complete);

  CHECK_FALSE(journal.has_forgotten(11));
  const auto page = journal.after(11, 2);
  REQUIRE(page.entries.size() == 2);
  CHECK(page.entries.front().detail == "c");
  CHECK_FALSE(page.complete);
  CHECK(journal.after(page.entries.back().cursor, 2).entries.front().detail == "e");
  CHECK(journal.after(14, 2).entries.empty());
  CHECK(journal.after(14, 2).complete);

  const auto late = journal.after(10, 100);
  REQUIRE(late.entries.size() == 4);
  CHECK(late.entries.front().event == "gap");
  CHECK(late.entries.front().cursor == 11);
  CHECK(late.entries.front().reason == "not-kept");
  CHECK(late.entries[1].detail == "c");
  // Of another journal, or of one that was lost.
  CHECK(journal.after(999, 100).entries.front().reason == "unknown-cursor");

  REQUIRE(journal.newest(2).size() == 2);
  CHECK(journal.newest(2).front().detail == "d");
  CHECK(journal.newest(9).size() == 3);
}

TEST_CASE("a journal goes on where an earlier supervisor left it") {
  EventJournal earlier(8, 100);
  earlier.append(pool_entry("a"), wall_time_from_unix(1));
  earlier.append(pool_entry("b"), wall_time_from_unix(2));
  EventJournal later(8, 500, {earlier.entries().begin(), earlier.entries().end()});
  CHECK(later.append(pool_entry("c"), wall_time_from_unix(3)).cursor == 500);
  const auto page = later.after(100, 10);
  REQUIRE(page.entries.size() == 2);
  CHECK(page.entries.front().detail == "b");
  CHECK(page.entries.back().detail == "c");
  CHECK(later.started() == 0);
  // A clock that went back gives out no cursor twice.
  EventJournal behind(8, 3, {earlier.entries().begin(), earlier.entries().end()});
  CHECK(behind.append(pool_entry("d"), {}).cursor == 102);
  EventJournal small(1, 500, {earlier.entries().begin(), earlier.entries().end()});
  CHECK(small.after(100, 10).entries.front().detail == "b");
  CHECK(small.has_forgotten(99));
}
