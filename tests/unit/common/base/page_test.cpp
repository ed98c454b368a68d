#include "common/base/page.hpp"

#include <doctest/doctest.h>

using namespace scpool;

TEST_CASE("what is escaped is text, in elements and in attributes") {
  CHECK(escaped_html("<a href=\"x\">&amp;</a>") ==
        "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;");
  CHECK(escaped_html("plain · text").find('&') == std::string::npos);
}

TEST_CASE("a template takes its values as they are, and only once") {
  CHECK(filled_template("a {{x}} b {{y}}{{x}}", {{"x", "{{y}}"}, {"y", "2"}}) ==
        "a {{y}} b 2{{y}}");
  CHECK(filled_template("{{unknown}} {{", {{"x", "1"}}) == "{{unknown}} {{");
  CHECK(filled_template("", {}).empty());
}

TEST_CASE("the style sheet is built in and asks for nothing from elsewhere") {
  CHECK(page_style().find("prefers-color-scheme: dark") != std::string_view::npos);
  CHECK(page_style().find("url(") == std::string_view::npos);
  CHECK(page_style().find("@import") == std::string_view::npos);
}
