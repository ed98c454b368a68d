#include "common/http/percent_encoding.hpp"

#include <doctest/doctest.h>

namespace scpool {

TEST_CASE("unreserved characters stay, all others are escaped byte by byte") {
  CHECK(percent_encoded("aZ09-._~") == "aZ09-._~");
  CHECK(percent_encoded("a b/c?d@e:f%") == "a%20b%2Fc%3Fd%40e%3Af%25");
  CHECK(percent_encoded("\xC3\xBC\n") == "%C3%BC%0A");
  CHECK(percent_encoded("").empty());
}

}  // namespace scpool
