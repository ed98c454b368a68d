// Metrics in the Prometheus text format (version 0.0.4), written family by family. Holds no values
// of its own: whoever counts writes its figures when it is asked. Labels are bounded by the caller.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace scpool {

struct MetricLabel {
  std::string_view name;
  std::string_view value;  // escaped here
};

enum class MetricType { Counter, Gauge, Histogram, Summary };

class MetricsText {
 public:
  // Every name gets `prefix` in front of it.
  explicit MetricsText(std::string prefix) : prefix_(std::move(prefix)) {}

  // Begins a family; its samples follow.
  void family(std::string_view name, MetricType type, std::string_view help);
  void sample(std::initializer_list<MetricLabel> labels, std::uint64_t value);
  void sample(std::initializer_list<MetricLabel> labels, double value);
  // With a suffix: "_bucket", "_sum", "_count".
  void sample(std::string_view suffix,
              std::initializer_list<MetricLabel> labels,
              std::uint64_t value);
  void sample(std::string_view suffix, std::initializer_list<MetricLabel> labels, double value);
  // A family with one sample without labels.
  void single(std::string_view name, MetricType type, std::string_view help, std::uint64_t value);
  void single(std::string_view name, MetricType type, std::string_view help, double value);

  std::string take() { return std::move(text_); }

 private:
  void begin_sample(std::string_view suffix, std::initializer_list<MetricLabel> labels);

  std::string prefix_;
  std::string family_;
  std::string text_;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace scpool
