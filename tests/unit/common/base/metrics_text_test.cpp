#include "common/base/metrics_text.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace scpool;

TEST_CASE("families, labels and numbers are written as Prometheus reads them") {
  MetricsText metrics("sauce_connect_");
  metrics.single("up", MetricType::Gauge, "Whether it is up.", std::uint64_t{1});
  metrics.family("http_requests_total", MetricType::Counter, "Requests.");
  metrics.sample({{"code", "200"}, {"method", "GET"}}, std::uint64_t{12});
  metrics.family("wait_seconds", MetricType::Histogram, "Waits.");
  metrics.sample("_bucket", {{"le", "0.25"}}, std::uint64_t{3});
  metrics.sample("_sum", {}, 0.75);
  CHECK(metrics.take() ==
        "# HELP sauce_connect_up Whether it is up.\n"
        "# TYPE sauce_connect_up gauge\n"
        "sauce_connect_up 1\n"
        "# HELP sauce_connect_http_requests_total Requests.\n"
        "# TYPE sauce_connect_http_requests_total counter\n"
        "sauce_connect_http_requests_total{code=\"200\",method=\"GET\"} 12\n"
        "# HELP sauce_connect_wait_seconds Waits.\n"
        "# TYPE sauce_connect_wait_seconds histogram\n"
        "sauce_connect_wait_seconds_bucket{le=\"0.25\"} 3\n"
        "sauce_connect_wait_seconds_sum 0.75\n");
}

TEST_CASE("label values cannot break out of their quotes") {
  MetricsText metrics("");
  metrics.family("info", MetricType::Gauge, "Info.");
  metrics.sample({{"name", "a\"b\\c\nd"}}, std::uint64_t{1});
  CHECK(metrics.take().ends_with("info{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST_CASE("odd numbers have their own words") {
  MetricsText metrics("");
  metrics.family("x", MetricType::Gauge, "X.");
  metrics.sample({}, std::numeric_limits<double>::infinity());
  metrics.sample({}, std::numeric_limits<double>::quiet_NaN());
  CHECK(metrics.take().ends_with("x +Inf\nx NaN\n"));
}
