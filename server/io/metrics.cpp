#include "server/io/metrics.hpp"

#include <algorithm>
#include <cstdio>

namespace scpool::server {

namespace {

// The last one stands for those that are not here.
constexpr std::array<std::string_view, 10> kMethods = {
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "other"};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string bound_text(double bound) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", bound);
  return text.data();
}

}  // namespace

void DurationHistogram::observe(Duration duration) {
  const double value = seconds(duration);
  const auto* const bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
  ++counts_.at(static_cast<std::size_t>(bound - kBounds.begin()));
  sum_ += value;
}

void DurationHistogram::print(std::string_view name,
                              std::string_view help,
                              MetricsText& out) const {
  out.family(name, MetricType::Histogram, help);
  std::uint64_t total = 0;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    total += counts_.at(index);
    const std::string bound = index < kBounds.size() ? bound_text(kBounds.at(index)) : "+Inf";
    out.sample("_bucket", {{"le", bound}}, total);
  }
  out.sample("_sum", {}, sum_);
  out.sample("_count", {}, total);
}

void Metrics::request_ended(std::string_view method, int status, Duration duration) {
  constexpr int kClientGone = 499;  // no answer was begun
  --in_flight_;
  status = status == 0 ? kClientGone : status;
  const auto* const known = std::find(kMethods.begin(), kMethods.end() - 1, method);
  ++requests_[{status, static_cast<std::size_t>(known - kMethods.begin())}];
  duration_.observe(duration);
}

void Metrics::retried(std::string_view reason, std::string_view result) {
  ++retries_[{std::string(reason), std::string(result)}];
}

void Metrics::error_generated(std::string_view origin, std::string_view type) {
  ++errors_[{std::string(origin), std::string(type)}];
}

std::uint64_t Metrics::handshakes() const {
  std::uint64_t all = 0;
  for (const auto& [status, count] : handshakes_) {
    all += count;
  }
  return all;
}

void Metrics::connection_bytes(std::uint64_t sent, std::uint64_t received) {
  sent_bytes_ += sent;
  received_bytes_ += received;
}

void Metrics::print(MetricsText& out) const {
  const auto by_two = [&out](std::string_view first, std::string_view second, const ByTwo& values) {
    for (const auto& [labels, value] : values) {
      out.sample({{first, labels.first}, {second, labels.second}}, value);
    }
  };
  const auto by_one = [&out](std::string_view label, const ByOne& values) {
    for (const auto& [text, value] : values) {
      out.sample({{label, text}}, value);
    }
  };
  out.family("http_requests_total", MetricType::Counter, "Requests answered at the ingress.");
  for (const auto& [labels, count] : requests_) {
    out.sample({{"code", std::to_string(labels.first)}, {"method", kMethods.at(labels.second)}},
               count);
  }
  out.single("http_requests_in_flight", MetricType::Gauge, "Requests running now.", in_flight_);
  duration_.print("http_request_duration_seconds", "From head to last byte.", out);
  wait_.print("stream_wait_seconds", "Requests waiting for a tunnel connection.", out);
  out.family("retries_total", MetricType::Counter, "Second attempts of requests.");
  by_two("reason", "result", retries_);
  out.family("errors_total", MetricType::Counter, "Errors answered by this server.");
  by_two("origin", "type", errors_);
  out.family("auth_failures_total", MetricType::Counter, "Refused credentials.");
  by_one("reason", auth_failures_);
  out.family("handshakes_total", MetricType::Counter, "Tunnel handshakes by answer.");
  by_one("code", handshakes_);
  out.family("conn_ended_total", MetricType::Counter, "Tunnel connections that ended.");
  by_one("cause", connections_ended_);
  out.family("resume_total", MetricType::Counter, "Cut tunnel sessions, by how they went on.");
  by_one("result", resumes_);
  out.single("store_failures_total",
             MetricType::Counter,
             "Writes of the state that failed and were tried again.",
             store_failures_);
}

}  // namespace scpool::server
