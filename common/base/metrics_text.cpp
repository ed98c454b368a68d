#include "common/base/metrics_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace scpool {

namespace {

std::string_view to_text(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Summary:
      return "summary";
  }
  return "untyped";
}

void append_label_value(std::string_view value, std::string& out) {
  for (const char letter : value) {
    if (letter == '\\' || letter == '"') {
      out += '\\';
      out += letter;
    } else if (letter == '\n') {
      out += "\\n";
    } else {
      out += letter;
    }
  }
}

void append_number(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end.ptr);
  }
}

}  // namespace

void MetricsText::family(std::string_view name, MetricType type, std::string_view help) {
  family_ = prefix_;
  family_ += name;
  text_.append("# HELP ").append(family_).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(family_).append(" ").append(to_text(type)).append("\n");
}

void MetricsText::begin_sample(std::string_view suffix, std::initializer_list<MetricLabel> labels) {
  text_.append(family_).append(suffix);
  char separator = '{';
  for (const MetricLabel& label : labels) {
    text_ += separator;
    text_.append(label.name).append("=\"");
    append_label_value(label.value, text_);
    text_ += '"';
    separator = ',';
  }
  text_ += separator == ',' ? "} " : " ";
}

void MetricsText::sample(std::string_view suffix,
                         std::initializer_list<MetricLabel> labels,
                         std::uint64_t value) {
  begin_sample(suffix, labels);
  text_.append(std::to_string(value)).append("\n");
}

void MetricsText::sample(std::string_view suffix,
                         std::initializer_list<MetricLabel> labels,
                         double value) {
  begin_sample(suffix, labels);
  append_number(value, text_);
  text_ += '\n';
}

void MetricsText::sample(std::initializer_list<MetricLabel> labels, std::uint64_t value) {
  sample("", labels, value);
}

void MetricsText::sample(std::initializer_list<MetricLabel> labels, double value) {
  sample("", labels, value);
}

void MetricsText::single(std::string_view name,
                         MetricType type,
                         std::string_view help,
                         std::uint64_t value) {
  family(name, type, help);
  sample("", {}, value);
}

void MetricsText::single(std::string_view name,
                         MetricType type,
                         std::string_view help,
                         double value) {
  family(name, type, help);
  sample("", {}, value);
}

}  // namespace scpool
