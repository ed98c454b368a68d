#include "common/base/text.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace std::chrono_literals;

TEST_CASE("numbers are digits only and do not overflow") {
  CHECK(parse_number("18446744073709551615") == 18446744073709551615ULL);
  CHECK_FALSE(parse_number("18446744073709551616"));
  CHECK_FALSE(parse_number(""));
  CHECK_FALSE(parse_number("-1"));
  CHECK_FALSE(parse_number("+1"));
  CHECK_FALSE(parse_number("1 "));
}

TEST_CASE("durations in Go syntax") {
  CHECK(parse_duration("1m30s") == 90s);
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("0") == 0s);
  for (const char* bad : {"", "5", "1x", "1m 30s", "-1s", ".s", "1.", "9999999999999999h"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
  for (const Duration duration :
       {Duration(90s), Duration(250ms), Duration(24h), Duration(1500ms)}) {
    CHECK(parse_duration(duration_text(duration)) == duration);
  }
  CHECK(duration_text(90s) == "1m30s");
  CHECK(duration_text(24h) == "24h");
  CHECK(rough_duration(26h) == "1d2h");
}

TEST_CASE("sizes take K, M and G in the usual spellings") {
  CHECK(parse_size("64K") == 65536U);
  CHECK(parse_size("1MiB") == 1048576U);
  CHECK(parse_size("2gb") == 2147483648U);
  CHECK(parse_size("17") == 17U);
  CHECK_FALSE(parse_size("K"));
  CHECK_FALSE(parse_size("1T"));
  CHECK_FALSE(parse_size("18446744073709551615K"));
  CHECK(size_text(1536) == "1.5 KiB");
  CHECK(size_text(12) == "12 B");
}

TEST_CASE("base64 in both alphabets, and what is not base64") {
  const Bytes bytes = {0xfb, 0xff, 0x00, 0x10};
  CHECK(to_base64(bytes) == "+/8AEA==");
  CHECK(to_base64url(bytes) == "-_8AEA");
  CHECK(from_base64("+/8AEA==") == bytes);
  CHECK(from_base64url("-_8AEA") == bytes);
  CHECK_FALSE(from_base64("+/8AEA="));
  CHECK_FALSE(from_base64url("-_8AEB"));  // bits that must be zero
  CHECK_FALSE(from_base64url("a"));
  CHECK_FALSE(from_base64url("-_8 EA"));
}

TEST_CASE("times are RFC 3339 in UTC") {
  CHECK(rfc3339(wall_time_from_unix(1795158000) + 123ms) == "2026-11-20T07:00:00.123Z");
  CHECK(parse_rfc3339("2026-11-20T07:00:00.123Z") == wall_time_from_unix(1795158000) + 123ms);
  for (const char* wrong : {"",
                            "2026-11-20T07:00:00Z",
                            "2026-02-30T07:00:00.123Z",
                            "2026-11-20T24:00:00.123Z",
                            "2026-11-20 07:00:00.123Z",
                            "2026-11-20T07:00:00.12xZ"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_rfc3339(wrong).has_value());
  }
}

TEST_CASE("a likely typing error finds its name, nonsense does not") {
  const std::vector<std::string> names = {"tunnel-name", "tunnel-pool", "region"};
  CHECK(closest_match("tunel-name", names) == "tunnel-name");
  CHECK_FALSE(closest_match("zzzzzz", names));
}

TEST_CASE("words for a shell") {
  CHECK(shell_quoted("plain-word_1") == "plain-word_1");
  CHECK(shell_quoted("two words") == "'two words'");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
}

TEST_CASE("only the capitals of ASCII become small, wherever they stand") {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 16U, 17U}) {
    for (int c = 0; c < 256; ++c) {
      const auto given = static_cast<char>(c);
      const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : given;
      CHECK(to_lower(std::string(size, given)) == std::string(size, small));
    }
  }
  CHECK(to_lower("X-Request-ID: Ab[`{@Z") == "x-request-id: ab[`{@z");
}

TEST_CASE("texts compare without the case of letters, and nothing else") {
  const std::string letters = "Content-Length-ABCxyz09";
  for (std::size_t size = 0; size <= letters.size(); ++size) {
    const std::string text = letters.substr(0, size);
    CHECK(equals_ignoring_case(text, to_lower(text)));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char other : {'@', '[', '\\', '\xc1', '\0'}) {
        std::string left = text;
        std::string right = to_lower(text);
        left[at] = other;
        CHECK_FALSE(equals_ignoring_case(left, right));
        right[at] = static_cast<char>(other ^ 0x20);  // what would be its other case
        CHECK_FALSE(equals_ignoring_case(left, right));
      }
    }
  }
  CHECK_FALSE(equals_ignoring_case("ab", "abc"));
}
