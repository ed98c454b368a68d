#include "supervisor/core/spark_line.hpp"

#include <doctest/doctest.h>

using namespace scpool::supervisor;

namespace {

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the newest value stands at the right edge, the highest at the top") {
  const std::string line = spark_line({0, 5, 10}, 3, 10);
  CHECK(contains(line, "<path d=\"M0.0 23.0L60.0 12.0L120.0 1.0\">"));
  CHECK(contains(line, "class=\"area\""));
  // Fewer values than there is room for begin in the middle.
  CHECK(contains(spark_line({10, 10}, 5, 10), "<path d=\"M90.0 1.0L120.0 1.0\">"));
}

TEST_CASE("without values the line is flat, and nothing leaves the picture") {
  CHECK(contains(spark_line({}, 60, 1), "<path d=\"M0.0 23.0L120.0 23.0\">"));
  CHECK_FALSE(contains(spark_line({}, 60, 1), "area"));
  CHECK(contains(spark_line({99, 0}, 2, 10), "M0.0 1.0"));
  CHECK(contains(spark_line({1, 1}, 2, 0), "M0.0 23.0"));
}
