#include "supervisor/core/status_page.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::supervisor;

namespace {

StatusReport example() {
  StatusReport report;
  report.pool = "<web>";
  report.tunnel_name = "a&b";
  report.version = "1.2.3";
  report.snapshot.size = 2;
  report.snapshot.ready = 1;
  WorkerSnapshot worker;
  worker.worker = {{1}, {7}};
  worker.state = WorkerState::Ready;
  worker.tunnel = TunnelId{"\"><i>"};
  worker.reason = {ReasonKind::BecameReady, "<script>alert(1)</script>\nline"};
  report.snapshot.workers.push_back(worker);
  VacantSlotSnapshot vacant;
  vacant.state = VacancyState::Failed;
  vacant.last_cause = ExitCause::Credentials;
  report.snapshot.vacant.push_back(vacant);
  return report;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the page says in one sentence how the pool is, then shows every slot") {
  const std::string page = status_page(example(), "n0nce");
  CHECK(contains(page, "1 of 2 ready <small>1 failed</small>"));
  CHECK(contains(page, "<title>1 of 2 ready, 1 failed"));
  CHECK(contains(page, "last ended by credentials"));
  CHECK(contains(page, "<span class=\"badge is-good\">ready</span>"));
  CHECK(contains(page, "<span class=\"badge is-bad\">failed</span>"));
}

TEST_CASE("nothing that comes from outside is markup") {
  const std::string content = status_page_content(example());
  CHECK(contains(content, "&lt;web&gt;"));
  CHECK(contains(content, "a&amp;b"));
  CHECK(contains(content, "&quot;&gt;&lt;i&gt;"));
  CHECK_FALSE(contains(content, "<script"));
  // One line, for server-sent events.
  CHECK_FALSE(contains(content, "\n"));
}

TEST_CASE("what is inline bears the nonce, and nothing is asked from elsewhere") {
  const std::string page = status_page(example(), "n0nce");
  CHECK(contains(page, "<style nonce=\"n0nce\">"));
  CHECK(contains(page, "<script nonce=\"n0nce\">"));
  CHECK_FALSE(contains(page, "{{"));
  CHECK_FALSE(contains(page, " style=\""));
  CHECK_FALSE(contains(page, "src="));
  CHECK_FALSE(contains(page, "https:"));
}

TEST_CASE("traffic, rollout and events appear once there are any") {
  CHECK_FALSE(contains(status_page_content(example()), "id=\"rollout\""));
  PoolFigures figures{Instant{}};
  ProbeAnswered probe;
  probe.worker = {{1}, {7}};
  figures.note(probe, Instant{});
  probe.sent_bytes = 5 * 1024;
  figures.note(probe, Instant{});
  figures.note(TimerFired{}, Instant{} + kTrafficPeriod);
  EventJournal journal(5, 41);
  JournalEntry entry;
  entry.event = "worker-exited";
  entry.state = "exited";
  entry.cause = "crash";
  entry.detail = "<b>";
  journal.append(entry, {});
  StatusReport report = example();
  report.figures = &figures;
  report.journal = &journal;
  report.snapshot.rollout.total = 2;
  report.snapshot.rollout.done = 1;
  report.snapshot.rollout.state = RolloutState::Running;
  const std::string content = status_page_content(report);
  CHECK(contains(content, "1.0 KiB/s"));
  CHECK(contains(content, "<path d=\"M"));
  CHECK(contains(content, "<progress max=\"2\" value=\"1\""));
  CHECK(contains(content, "id=\"event-41\""));
  CHECK(contains(content, "&lt;b&gt;"));
}
