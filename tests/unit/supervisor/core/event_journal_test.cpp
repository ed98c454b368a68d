#include "supervisor/core/event_journal.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

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
  const auto root = nlohmann::json::parse(end.json());
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

TEST_CASE("a reader goes on from its cursor and learns of a gap") {
  EventJournal journal(3, 10);
  for (const char* detail : {"a", "b", "c", "d", "e"}) {
    journal.append(pool_entry(detail), {});
  }
  const auto all = journal.from(0, 100);
  REQUIRE(all.entries.size() == 3);
  CHECK(all.entries.front().detail == "c");
  CHECK_FALSE(all.gap);
  CHECK(all.next == 15);

  CHECK(journal.from(11, 100).gap);
  const auto page = journal.from(12, 2);
  CHECK_FALSE(page.gap);
  REQUIRE(page.entries.size() == 2);
  CHECK(page.next == 14);
  CHECK(journal.from(page.next, 2).entries.front().detail == "e");
  CHECK(journal.from(15, 2).entries.empty());
  CHECK(journal.from(15, 2).next == 15);
}
