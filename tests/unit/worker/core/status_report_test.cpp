#include "worker/core/status_report.hpp"

#include <doctest/doctest.h>

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

TEST_CASE("an unchanged state is reported every interval, a change at once") {
  StatusReporter reporter;
  CHECK(reporter.next_deadline() == kNever);
  reporter.set_connected(1, kStart);
  CHECK_FALSE(reporter.take_due(kStart).has_value());

  reporter.begin(30s, kStart);
  CHECK_FALSE(reporter.take_due(kStart + 29s).has_value());
  std::optional<StatusReport> report = reporter.take_due(kStart + 30s);
  REQUIRE(report.has_value());
  CHECK(report->connected);
  CHECK(report->since_change == 30s);

  reporter.set_connected(0, kStart + 31s);
  report = reporter.take_due(kStart + 31s);
  REQUIRE(report.has_value());
  CHECK_FALSE(report->connected);
  CHECK(report->since_change == 0s);
  CHECK(reporter.next_deadline() == kStart + 61s);

  reporter.end();
  CHECK_FALSE(reporter.take_due(kStart + 10h).has_value());
}

TEST_CASE("the body is the one the REST contract names") {
  CHECK(to_json({.connected = true, .since_change = 61500ms}, {}) ==
        R"({"kgp_is_connected":true,"kgp_seconds_since_last_status_change":61})");
  CHECK(to_json({}, {.total = 8, .available = 6, .used = 2, .free = 1}) ==
        R"({"kgp_is_connected":false,"kgp_seconds_since_last_status_change":0,)"
        R"("memory":{"total":8,"available":6,"used":2,"free":1}})");
}

TEST_CASE("memory figures come from /proc/meminfo") {
  const MemoryFigures figures = parse_memory_figures(
      "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    9000 kB\nOdd\n");
  CHECK(figures.total == 16000U * 1024);
  CHECK(figures.free == 1000U * 1024);
  CHECK(figures.available == 9000U * 1024);
  CHECK(figures.used == 7000U * 1024);
  CHECK(parse_memory_figures("").total == 0);
}

}  // namespace
}  // namespace scpool::worker
