// What the way to the sites counts, for /metrics and the status page. Every label is bounded: codes
// as they are, methods of the registry or "other", a limited number of hosts. Owned by the worker's
// shell, filled by the gateway; knows no text format.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/time.hpp"
#include "common/http/proxy_error.hpp"

namespace scpool::worker {

// Cumulative buckets are the text format's business: here each value is counted once.
template <std::size_t Bounds>
struct Histogram {
  std::array<std::uint64_t, Bounds + 1> counts{};  // the last one: above every bound
  std::uint64_t count = 0;
  double sum = 0;
};

// Upper bounds of the buckets, in seconds and in bytes.
inline constexpr std::array kDurationBounds = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};
inline constexpr std::array kSizeBounds = {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

struct RequestFigures {
  Histogram<kDurationBounds.size()> duration;  // its count is the number of requests
  Histogram<kSizeBounds.size()> request_size;
  Histogram<kSizeBounds.size()> response_size;
};

struct DialFigures {
  std::uint64_t dialed = 0;
  std::uint64_t closed = 0;
  std::uint64_t errors = 0;
  std::uint64_t retries = 0;
};

class OriginFigures {
 public:
  // Beyond so many hosts the rest is counted under "other".
  static constexpr std::size_t kMaxHosts = 100;

  void request_started(std::string_view method);
  // `status` 0: ended before there was an answer.
  void request_finished(std::string_view method,
                        int status,
                        Duration duration,
                        std::uint64_t request_bytes,
                        std::uint64_t response_bytes);
  void proxy_error(ProxyErrorReason reason);
  // The caller says "localhost" for loopback in every spelling. The reference stays good.
  DialFigures& dials(std::string_view host);

  using RequestKey = std::pair<int, std::string_view>;  // code, method
  const std::map<RequestKey, RequestFigures>& requests() const { return requests_; }
  const std::map<std::string_view, std::int64_t>& in_flight() const { return in_flight_; }
  const std::map<ProxyErrorReason, std::uint64_t>& proxy_errors() const { return proxy_errors_; }
  const std::map<std::string, DialFigures, std::less<>>& dials_by_host() const { return dials_; }

 private:
  std::map<RequestKey, RequestFigures> requests_;
  std::map<std::string_view, std::int64_t> in_flight_;
  std::map<ProxyErrorReason, std::uint64_t> proxy_errors_;
  std::map<std::string, DialFigures, std::less<>> dials_;
};

}  // namespace scpool::worker
