#include "common/tunnel/structured_fields.hpp"

#include <doctest/doctest.h>

using namespace scpool;

TEST_CASE("a dictionary of every type the upgrade uses") {
  const auto fields = StructuredDictionary::parse(
      R"(v=1, name="a \"b\" \\c",list=(one  two),  empty=(), token=*x/y, flag)", 200);
  REQUIRE(fields);
  CHECK(fields->integer("v") == 1U);
  CHECK(fields->string("name") == "a \"b\" \\c");
  CHECK(fields->list("list") == std::vector<std::string>{"one", "two"});
  CHECK(fields->list("empty") == std::vector<std::string>{});
  REQUIRE(fields->find("token") != nullptr);
  CHECK(fields->find("token")->text == "*x/y");
  REQUIRE(fields->find("flag") != nullptr);
  CHECK(fields->find("flag")->kind == StructuredValue::Kind::True);
  CHECK_FALSE(fields->integer("name"));
  CHECK_FALSE(fields->string("v"));
  CHECK_FALSE(fields->list("missing"));
}

TEST_CASE("nothing malformed is repaired") {
  for (const char* text : {"v=",
                           "=1",
                           "V=1",
                           "v=1,",
                           "v=1,,w=2",
                           "v=1 w=2",
                           "v=1, v=2",
                           "v=-1",
                           "v=1234567890123456",
                           "v=\"open",
                           "v=\"\\n\"",
                           "v=\"\x01\"",
                           "v=\"\xc3\xa9\"",
                           "v=(a",
                           "v=(a,b)",
                           "v=(\"a\")",
                           "v=((a))",
                           "v=1;x=2",
                           "v =1",
                           "v= 1"}) {
    CAPTURE(text);
    CHECK_FALSE(StructuredDictionary::parse(text, 200));
  }
  CHECK(StructuredDictionary::parse("", 200));
  CHECK_FALSE(StructuredDictionary::parse("v=1", 2));
}

TEST_CASE("a written string is read back") {
  const std::string text = R"(quote " and \ slash)";
  const auto fields = StructuredDictionary::parse("s=" + structured_string(text), 200);
  REQUIRE(fields);
  CHECK(fields->string("s") == text);
  CHECK(structured_string("a\r\nb") == "\"a??b\"");
}
