#include "worker/core/origin_figures.hpp"

#include <algorithm>

namespace scpool::worker {
namespace {

constexpr std::string_view kOther = "other";

// RFC 9110 section 9.3 and RFC 5789; others would let clients name our labels.
constexpr std::array<std::string_view, 9> kMethods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

std::string_view method_label(std::string_view method) {
  const auto* const known = std::find(kMethods.begin(), kMethods.end(), method);
  return known == kMethods.end() ? kOther : *known;
}

template <std::size_t Bounds>
void count(Histogram<Bounds>& histogram, const std::array<double, Bounds>& bounds, double value) {
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  ++histogram.counts.at(static_cast<std::size_t>(bucket));
  ++histogram.count;
  histogram.sum += value;
}

}  // namespace

void OriginFigures::request_started(std::string_view method) {
  ++in_flight_[method_label(method)];
}

void OriginFigures::request_finished(std::string_view method,
                                     int status,
                                     Duration duration,
                                     std::uint64_t request_bytes,
                                     std::uint64_t response_bytes) {
  const std::string_view label = method_label(method);
  --in_flight_[label];
  RequestFigures& figures = requests_[{status, label}];
  count(figures.duration, kDurationBounds, std::chrono::duration<double>(duration).count());
  count(figures.request_size, kSizeBounds, static_cast<double>(request_bytes));
  count(figures.response_size, kSizeBounds, static_cast<double>(response_bytes));
}

void OriginFigures::proxy_error(ProxyErrorReason reason) {
  ++proxy_errors_[reason];
}

DialFigures& OriginFigures::dials(std::string_view host) {
  const auto known = dials_.find(host);
  if (known != dials_.end()) {
    return known->second;
  }
  return dials_[std::string(dials_.size() < kMaxHosts ? host : kOther)];
}

}  // namespace scpool::worker
