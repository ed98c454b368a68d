#include "supervisor/core/pool_figures.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::supervisor;
using namespace std::chrono_literals;

namespace {

const Instant kStart{1000s};

ProbeAnswered probe(WorkerId worker, std::uint64_t sent, std::uint64_t received) {
  ProbeAnswered answer;
  answer.worker = worker;
  answer.sent_bytes = sent;
  answer.received_bytes = received;
  return answer;
}

JournalEntry entry(ReasonKind reason) {
  return *journal_entry(Announce{{}, {}, {}, {reason, ""}});
}

}  // namespace

TEST_CASE("bytes of a slot add up over its workers, also when a counter begins anew") {
  PoolFigures figures(kStart);
  const WorkerId old_worker{{1}, {4}};
  const WorkerId new_worker{{1}, {5}};
  figures.note(probe(old_worker, 100, 1000), kStart);
  figures.note(probe(old_worker, 150, 1500), kStart + 1s);
  figures.note(probe(old_worker, 20, 1600), kStart + 2s);  // a connection was replaced
  figures.note(probe(new_worker, 7, 0), kStart + 3s);
  const SlotTraffic& slot = figures.traffic().at({1});
  CHECK(slot.sent == 177);
  CHECK(slot.received == 1600);
  figures.note(WorkerExited{old_worker, {}, {}}, kStart + 3s);
  figures.note(probe(new_worker, 8, 0), kStart + 4s);
  CHECK(slot.sent == 178);
}

TEST_CASE("samples come once a period, and a pause is spread over what it took") {
  PoolFigures figures(kStart);
  figures.note(probe({{0}, {1}}, 500, 500), kStart + 1s);
  figures.note(TimerFired{}, kStart + 4s);
  CHECK(figures.traffic().at({0}).rates.empty());
  figures.note(TimerFired{}, kStart + 5s);
  REQUIRE(figures.traffic().at({0}).rates.size() == 1);
  CHECK(figures.traffic().at({0}).rates.back() == doctest::Approx(200));
  figures.note(probe({{0}, {1}}, 2500, 500), kStart + 6s);
  figures.note(probe({{2}, {2}}, 1000, 0), kStart + 6s);
  figures.note(TimerFired{}, kStart + 15s);
  REQUIRE(figures.traffic().at({0}).rates.size() == 3);
  CHECK(figures.traffic().at({0}).rates.back() == doctest::Approx(200));
  // Aligned at the newest sample.
  const std::vector<double> total = figures.total_rates();
  REQUIRE(total.size() == 3);
  CHECK(total[0] == doctest::Approx(200));
  CHECK(total[2] == doctest::Approx(300));
  figures.note(TimerFired{}, kStart + 24h);
  CHECK(figures.traffic().at({0}).rates.size() == kTrafficSamples);
}

TEST_CASE("capacity counts as lost from the first full strength on") {
  PoolFigures figures(kStart);
  figures.note_strength(1, 3, kStart);
  CHECK(figures.lost_worker_seconds(kStart + 10s) == doctest::Approx(0));
  figures.note_strength(3, 3, kStart + 10s);
  figures.note_strength(1, 3, kStart + 20s);
  CHECK(figures.lost_worker_seconds(kStart + 25s) == doctest::Approx(10));
  figures.note_strength(2, 3, kStart + 30s);
  figures.note_strength(4, 3, kStart + 35s);
  CHECK(figures.lost_worker_seconds(kStart + 100s) == doctest::Approx(25));
}

TEST_CASE("probes, events and rollouts are counted") {
  PoolFigures figures(kStart);
  figures.note_probe(3ms);
  figures.note_probe(5s);
  CHECK(figures.probes().at_most(1) == 0);
  CHECK(figures.probes().at_most(2) == 1);
  CHECK(figures.probes().count() == 2);
  CHECK(figures.probes().sum() == doctest::Approx(5.003));
  figures.note(ProbeFailed{{{0}, {1}}, "silent"}, kStart);
  CHECK(figures.probe_failures() == 1);
  figures.note(entry(ReasonKind::RolloutDone));
  figures.note(entry(ReasonKind::RolloutFailed));
  figures.note(entry(ReasonKind::StateChanged));
  CHECK(figures.events() == 3);
  CHECK(figures.rollouts().at("done") == 1);
  CHECK(figures.rollouts().at("failed") == 1);
  CHECK(figures.rollouts().at("cancelled") == 0);
}
