#include "common/http/fields.hpp"

#include <doctest/doctest.h>

#include "common/http/characters.hpp"

using namespace scpool;

namespace {

std::string lines_of(const Fields& fields) {
  std::string text;
  fields.append_lines(text);
  return text;
}

}  // namespace

TEST_CASE("lines come in the order of the fields, whatever was removed or put first") {
  Fields fields = {{"A", "1"}, {"B", ""}, {"C", "3"}, {"b", "4"}};
  CHECK(lines_of(fields) == "A: 1\r\nB: \r\nC: 3\r\nb: 4\r\n");
  CHECK(fields.remove("b") == 2);
  CHECK(lines_of(fields) == "A: 1\r\nC: 3\r\n");
  fields.prepend({{":x", "0"}, {":y", "00"}});
  fields.add("D", "5");
  CHECK(lines_of(fields) == ":x: 0\r\n:y: 00\r\nA: 1\r\nC: 3\r\nD: 5\r\n");
  CHECK(fields.remove("D") == 1);
  CHECK(fields == Fields{{":x", "0"}, {":y", "00"}, {"A", "1"}, {"C", "3"}});
  CHECK(lines_of(Fields()).empty());
}

TEST_CASE("a field set stands where the first of its name stood") {
  Fields fields = {{"A", "1"}, {"X", "2"}, {"B", "3"}, {"x", "4"}};
  fields.set("x", "a longer value than before");
  CHECK(fields == Fields{{"A", "1"}, {"X", "a longer value than before"}, {"B", "3"}});
  fields.set("New", "5");
  CHECK(fields.size() == 4);
  CHECK(fields[3] == Field{"New", "5"});
}

TEST_CASE("parts of a list may be added to it while it grows") {
  Fields fields = {{"Name", "value"}};
  for (int i = 0; i < 100; ++i) {
    const Field last = fields[fields.size() - 1];
    fields.add(last.name, last.value);
    fields.set("Name", *fields.find("name"));
    fields.add("Other", *fields.find("Name"));
  }
  CHECK(fields.count("name") == 1);
  CHECK(fields.find("Other") == "value");
}

TEST_CASE("a list that was moved from is empty and can be used again") {
  Fields first = {{"A", "1"}};
  Fields second = std::move(first);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  first.add("B", "2");
  CHECK(lines_of(first) == "B: 2\r\n");
  second = std::move(first);
  first.add("C", "3");
  CHECK(lines_of(second) == "B: 2\r\n");
  CHECK(lines_of(first) == "C: 3\r\n");
}

TEST_CASE("values are judged alike by word and by character") {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 31U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(c);
        const bool allowed = c == '\t' || (c >= 0x20 && c != 0x7f);
        if (http::is_value_text(text) != allowed) {
          FAIL("character " << c << " at " << at << " of " << size);
        }
      }
    }
  }
  CHECK(http::is_value_text(""));
}
