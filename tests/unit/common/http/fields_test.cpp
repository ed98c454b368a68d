#include "common/http/fields.hpp"

#include <doctest/doctest.h>

#include <vector>

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

TEST_CASE("lines of a head and values of several parts are fields like others") {
  Fields fields;
  for (int i = 0; i < 50; ++i) {
    fields.add_line("Name: a value", 4);
    fields.add_line("Empty: ", 5);
    fields.add_joined("Via", {"1.1", " ", "proxy"});
  }
  CHECK(fields.size() == 150);
  CHECK(fields[147] == Field{"Name", "a value"});
  CHECK(fields[148] == Field{"Empty", ""});
  CHECK(fields[149] == Field{"Via", "1.1 proxy"});
  CHECK(fields.count("via") == 50);
  CHECK(fields.remove("EMPTY") == 50);
  fields.lower_names();
  CHECK(lines_of(fields).starts_with("name: a value\r\nvia: 1.1 proxy\r\nname"));
}

TEST_CASE("what a list may contain never leaves out what it contains") {
  const std::string letters = "aBcDeFgHiJkLmNoPqRsTuVwXyZ:-_09";
  for (std::size_t size = 1; size < 24; ++size) {
    for (const char first : letters) {
      const std::string name = first + std::string(size - 1, 'x');
      Fields fields = {{"Other", "1"}, {name, "2"}};
      CHECK(fields.find(to_lower(name)) == "2");
      const Fields copy = fields;
      fields.lower_names();
      CHECK(fields.contains(name));
      CHECK(copy.contains(name));
      CHECK(fields.remove(name) == 1);
      CHECK_FALSE(fields.contains(name));
    }
  }
  CHECK_FALSE(Fields().may_contain(~std::uint64_t{0}));
}

TEST_CASE("lists do not see what stood in the memory of those before") {
  for (int round = 0; round < 3; ++round) {
    std::vector<Fields> lists(100);
    for (Fields& fields : lists) {
      CHECK(fields.empty());
      CHECK(fields.bytes() == 0);
      CHECK_FALSE(fields.contains("old"));
      fields.add("Old", std::string(30, 'x'));
    }
    Fields copy = lists[0];
    lists[0] = Fields();
    CHECK(lines_of(copy) == "Old: " + std::string(30, 'x') + "\r\n");
    copy = copy;  // NOLINT(clang-diagnostic-self-assign-overloaded)
    CHECK(copy.size() == 1);
  }
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
