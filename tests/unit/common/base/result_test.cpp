#include "common/base/result.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace scpool;

TEST_CASE("an error gains context from the inside out and keeps its kind") {
  const Result<int> result =
      Result<int>(Error::from_errno(ENOENT, "open pool.toml")).within("read configuration");
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().kind() == ErrorKind::NotFound);
  CHECK(result.error().sentence() ==
        "read configuration: open pool.toml: No such file or directory");
}

TEST_CASE("a value passes through within untouched") {
  Result<std::string> result = Result<std::string>(std::string("kept")).within("unused");
  REQUIRE(result.ok());
  CHECK(result.value() == "kept");
  CHECK(Result<void>().within("unused").ok());
}
