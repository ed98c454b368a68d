#include "common/http/domain_rules.hpp"

#include <doctest/doctest.h>

using namespace scpool;

namespace {

DomainRules compiled(const std::vector<std::string>& rules) {
  auto result = DomainRules::compile(rules);
  REQUIRE(result.ok());
  return std::move(result).value();
}

}  // namespace

TEST_CASE("expressions are searched for, not anchored") {
  const DomainRules rules = compiled({"example\\.com", "^intern$"});
  CHECK(rules.matches("example.com"));
  CHECK(rules.matches("www.Example.COM"));
  CHECK(rules.matches("example.com.evil.test"));
  CHECK(rules.matches("intern"));
  CHECK(rules.matches("intern."));  // the root's dot is no way around a rule
  CHECK_FALSE(rules.matches("internet"));
  CHECK_FALSE(rules.matches("examplexcom"));
}

TEST_CASE("exclusions win, wherever they stand") {
  const DomainRules rules = compiled({"-^safe\\.test$", "all"});
  CHECK(rules.matches("a.test"));
  CHECK_FALSE(rules.matches("safe.test"));
  CHECK(rules.matches("unsafe.test"));
  CHECK(compiled({"all"}).matches(""));
}

TEST_CASE("no rules match nothing; rules that cannot be are refused by name") {
  CHECK(compiled({}).empty());
  CHECK_FALSE(compiled({}).matches("a"));
  CHECK_FALSE(DomainRules::compile({"-a", "-b"}).ok());
  for (const char* bad : {"", "-", "(", "a{2,1}", "(?=look)"}) {
    CAPTURE(bad);
    const auto result = DomainRules::compile({"ok", bad});
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().kind() == ErrorKind::Invalid);
    CHECK(result.error().sentence().find('"' + std::string(bad) + '"') != std::string::npos);
  }
}
