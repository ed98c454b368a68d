#include <doctest/doctest.h>

#include "supervisor/core/status_report.hpp"

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
  worker.streams = 9;
  worker.reason = {ReasonKind::BecameReady, "<script>"};
  report.snapshot.workers.push_back(worker);
  VacantSlotSnapshot vacant;
  vacant.state = VacancyState::Failed;
  vacant.last_cause = ExitCause::Credentials;
  report.snapshot.vacant.push_back(vacant);
  report.workers_started = 5;
  report.workers_ended["crash"] = 3;
  return report;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a terminal gets the same page as text") {
  const std::string text = status_text(example());
  CHECK(contains(text, "1 of 2 workers ready"));
  CHECK(contains(text, "slot 1  ready"));
  CHECK(contains(text, "slot 0  failed"));
  CHECK_FALSE(contains(text, "<td"));
}
