#include "common/io/name_lookup.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "tests/support/run_until.hpp"

using namespace scpool;

namespace {

Result<std::vector<std::string>> look_up(const std::string& host) {
  EventLoop loop;
  std::optional<Result<std::vector<std::string>>> answer;
  const NameLookup lookup(
      loop, host, [&](Result<std::vector<std::string>> result) { answer = std::move(result); });
  CHECK_FALSE(answer.has_value());  // never from inside the call
  run_until(loop, [&] { return answer.has_value(); });
  return *answer;
}

}  // namespace

TEST_CASE("names and literals become addresses") {
  const auto local = look_up("localhost");
  REQUIRE(local.ok());
  CHECK(std::any_of(local.value().begin(), local.value().end(), [](const std::string& address) {
    return address == "127.0.0.1" || address == "::1";
  }));
  CHECK(look_up("192.0.2.7").value() == std::vector<std::string>{"192.0.2.7"});
}

TEST_CASE("what is no name says so") {
  const auto missing = look_up("no-such-name.invalid");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().sentence().starts_with("cannot resolve no-such-name.invalid: "));
  CHECK_FALSE(look_up(std::string(400, 'x') + ".invalid").ok());
  CHECK_FALSE(look_up("").ok());
}

TEST_CASE("a dropped lookup never answers, and one may go from inside its answer") {
  EventLoop loop;
  {
    const NameLookup dropped(loop, "localhost", [](auto) { FAIL("dropped"); });
  }
  {
    const NameLookup wrong(loop, std::string(400, 'x'), [](auto) { FAIL("dropped"); });
  }
  std::unique_ptr<NameLookup> lookup;
  bool told = false;
  lookup = std::make_unique<NameLookup>(loop, "localhost", [&](auto) {
    lookup.reset();
    told = true;
  });
  CHECK(run_until(loop, [&] { return told; }));
}
