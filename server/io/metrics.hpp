// The server's counters (engineering notes section 7). Labels are bounded: methods, codes and
// reasons from fixed lists, never a host, URL or job id. What can be measured at any time is not
// kept here.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/metrics_text.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

// A histogram with the buckets of request durations, in seconds.
class DurationHistogram {
 public:
  void observe(Duration duration);
  void print(std::string_view name, std::string_view help, MetricsText& out) const;

 private:
  static constexpr std::array<double, 12> kBounds = {
      0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0};
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0.0;
};

class Metrics {
 public:
  void request_started() { ++in_flight_; }
  void request_ended(std::string_view method, int status, Duration duration);
  void stream_waited(Duration duration) { wait_.observe(duration); }
  void retried(std::string_view reason, std::string_view result);
  void error_generated(std::string_view origin, std::string_view type);
  void authentication_failed(std::string_view where) { ++auth_failures_[std::string(where)]; }
  void handshake_ended(int status) { ++handshakes_[std::to_string(status)]; }
  std::uint64_t handshakes() const;
  void connection_ended(std::string_view cause) { ++connections_ended_[std::string(cause)]; }
  // How a cut session went on, or why it did not.
  void resumed(std::string_view result) { ++resumes_[std::string(result)]; }
  void connection_bytes(std::uint64_t sent, std::uint64_t received);  // of one that is over
  void store_failed() { ++store_failures_; }

  std::uint64_t in_flight() const { return in_flight_; }
  std::uint64_t sent_bytes() const { return sent_bytes_; }
  std::uint64_t received_bytes() const { return received_bytes_; }

  void print(MetricsText& out) const;

 private:
  using ByOne = std::map<std::string, std::uint64_t>;
  using ByTwo = std::map<std::pair<std::string, std::string>, std::uint64_t>;

  std::map<std::pair<int, std::size_t>, std::uint64_t> requests_;  // code, kMethods
  ByTwo retries_;                                                  // reason, result
  ByTwo errors_;                                                   // origin, type
  ByOne auth_failures_;
  ByOne handshakes_;
  ByOne connections_ended_;
  ByOne resumes_;
  std::uint64_t store_failures_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
  DurationHistogram duration_;
  DurationHistogram wait_;
};

}  // namespace scpool::server
