#include <doctest/doctest.h>

#include "worker/core/worker_config.hpp"

using namespace scpool;
using namespace scpool::worker;

namespace {

std::vector<HeaderRule> rules(const std::vector<std::string>& texts) {
  std::vector<HeaderRule> made;
  for (const std::string& text : texts) {
    auto rule = parse_header_rule(text);
    REQUIRE(rule.ok());
    made.push_back(std::move(rule).value());
  }
  return made;
}

Fields applied(const std::vector<std::string>& texts) {
  Fields fields{{"Accept", "a"}, {"X-One", "1"}, {"x-two", "2"}, {"Cookie", "c"}};
  apply_header_rules(rules(texts), fields);
  return fields;
}

}  // namespace

TEST_CASE("a rule appends, empties, removes, or removes by prefix") {
  CHECK(applied({"Accept: b"}) ==
        Fields{{"Accept", "a"}, {"X-One", "1"}, {"x-two", "2"}, {"Cookie", "c"}, {"Accept", "b"}});
  CHECK(applied({"accept;"}).find("Accept") == "");
  CHECK(applied({"New;"}).find("New") == "");
  CHECK(applied({"-accept"}) == Fields{{"X-One", "1"}, {"x-two", "2"}, {"Cookie", "c"}});
  CHECK(applied({"-X-*"}) == Fields{{"Accept", "a"}, {"Cookie", "c"}});
}

TEST_CASE("rules apply in their order") {
  const Fields renewed = applied({"-accept", "Accept: new"});
  CHECK(renewed.count("Accept") == 1);
  CHECK(renewed.find("Accept") == "new");
  CHECK_FALSE(applied({"Accept: new", "-accept"}).contains("Accept"));
}

TEST_CASE("a value keeps colons, blanks around it go") {
  const HeaderRule rule = rules({" Link:  http://a:1 "}).front();
  CHECK(rule.kind == HeaderRule::Kind::Add);
  CHECK(rule.name == "Link");
  CHECK(rule.value == "http://a:1");
}

TEST_CASE("what is no rule is refused") {
  for (const char* text : {"",
                           "name",
                           "-",
                           "-*",
                           ";",
                           ": value",
                           "name:",
                           "na me: x",
                           "-na_me",
                           "n\xc3\xa4me: x",
                           "name: a\r\nb",
                           "name*"}) {
    CAPTURE(text);
    const auto rule = parse_header_rule(text);
    REQUIRE_FALSE(rule.ok());
    CHECK(rule.error().kind() == ErrorKind::Invalid);
  }
}
