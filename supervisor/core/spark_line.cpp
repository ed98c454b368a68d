#include "supervisor/core/spark_line.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace scpool::supervisor {
namespace {

constexpr double kWidth = 120;
constexpr double kHeight = 24;

std::string point(double x, double y) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %.1f", x, y);
  return text.data();
}

}  // namespace

std::string spark_line(const std::vector<double>& values, std::size_t width, double top) {
  std::string line;
  const double step = kWidth / static_cast<double>(std::max<std::size_t>(width, 2) - 1);
  const double first =
      kWidth - step * static_cast<double>(std::max<std::size_t>(values.size(), 1) - 1);
  double x = first;
  for (const double value : values) {
    const double share = top > 0 ? std::clamp(value / top, 0.0, 1.0) : 0.0;
    line += (line.empty() ? "M" : "L") + point(x, kHeight - 1 - share * (kHeight - 2));
    x += step;
  }
  std::string area;
  if (values.size() < 2) {
    line = "M" + point(0, kHeight - 1) + "L" + point(kWidth, kHeight - 1);
  } else {
    area = "<path class=\"area\" d=\"" + line + "L" + point(kWidth, kHeight) + "L" +
           point(first, kHeight) + "Z\"></path>";
  }
  return "<svg class=\"spark\" viewBox=\"0 0 120 24\" preserveAspectRatio=\"none\" "
         "aria-hidden=\"true\">" +
         area + "<path d=\"" + line + "\"></path></svg>";
}

}  // namespace scpool::supervisor
