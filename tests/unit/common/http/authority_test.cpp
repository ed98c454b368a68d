#include "common/http/authority.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace scpool;

namespace {

bool refused(std::string_view text, std::uint16_t port = 80) {
  return std::holds_alternative<HeadProblem>(parse_authority(text, port));
}

Authority parsed(std::string_view text, std::uint16_t port = 80) {
  const auto result = parse_authority(text, port);
  CAPTURE(text);
  REQUIRE(std::holds_alternative<Authority>(result));
  return std::get<Authority>(result);
}

}  // namespace

TEST_CASE("names, addresses and ports") {
  CHECK(parsed("Example.COM") == Authority{"example.com", 80, false});
  CHECK(parsed("example.com.:8443") == Authority{"example.com.", 8443, false});
  CHECK(parsed("my_host-1.test:1", 0).port == 1);
  CHECK(parsed("192.0.2.1:65535").host == "192.0.2.1");
  CHECK(parsed("[2001:DB8::1]:443") == Authority{"2001:db8::1", 443, true});
  CHECK(parsed("[::ffff:192.0.2.1]").host == "::ffff:192.0.2.1");
  for (const char* text : {"a:80", "[::1]:443"}) {
    CHECK(parsed(text).text() == text);
    CHECK(parsed(parsed(text).text()) == parsed(text));
  }
  CHECK(parsed("a").host_field("http") == "a");
  CHECK(parsed("a:443").host_field("http") == "a:443");
  CHECK(parsed("[::1]:443").host_field("https") == "[::1]");
}

TEST_CASE("what is no authority is refused") {
  for (const std::string_view bad : {"",
                                     ":80",
                                     "a:",
                                     "a:0",
                                     "a:65536",
                                     "a:080000",
                                     "a:+80",
                                     "a: 80",
                                     "a:8o",
                                     "a b",
                                     "a..b",
                                     ".a",
                                     "user@a",
                                     "user:pw@a:80",
                                     "@a",
                                     "a/",
                                     "a?",
                                     "a#",
                                     "a%2e",
                                     "a%",
                                     "a\\b",
                                     "a,b",
                                     "a;b",
                                     "a!",
                                     "\xc3\xbc.test",
                                     "[::1",
                                     "::1",
                                     "[::1]x",
                                     "[::1]:",
                                     "[]",
                                     "[1.2.3.4]",
                                     "[fe80::1%eth0]",
                                     "[fe80::1%25eth0]",
                                     "[v1.x]",
                                     "[::1]]",
                                     "[[::1]]",
                                     "a:80:80"}) {
    CAPTURE(bad);
    CHECK(refused(bad));
  }
  CHECK(refused(std::string_view("a\0b", 3)));
  CHECK(refused(std::string_view("[::1\0]", 6)));
  CHECK(refused(std::string(300, 'a')));
  CHECK(refused("a", 0));  // CONNECT needs its port
  CHECK(refused("[::1]", 0));
}

TEST_CASE("absolute targets") {
  const auto target = [](std::string_view method, std::string_view text) {
    const auto result = parse_absolute_target(method, text);
    CAPTURE(text);
    REQUIRE(std::holds_alternative<AbsoluteTarget>(result));
    return std::get<AbsoluteTarget>(result);
  };
  CHECK(target("GET", "HTTP://A.test").path_and_query == "/");
  CHECK(target("GET", "HTTP://A.test").scheme == "http");
  CHECK(target("GET", "http://a.test?q").path_and_query == "/?q");
  CHECK(target("GET", "http://a.test:81/x?q=http://b/").authority ==
        Authority{"a.test", 81, false});
  CHECK(target("GET", "http://a.test:81/x?q=http://b/").path_and_query == "/x?q=http://b/");
  CHECK(target("GET", "https://[::1]/").authority == Authority{"::1", 443, true});
  CHECK(target("OPTIONS", "http://a.test").path_and_query == "*");
  CHECK(target("OPTIONS", "http://a.test/").path_and_query == "/");
  for (const std::string_view bad : {"/x",
                                     "*",
                                     "a.test:80",
                                     "ftp://a/",
                                     "http:/a/",
                                     "http:///x",
                                     "http://",
                                     "http://u@a/",
                                     "http://a@b@c/",
                                     "http://a:b/",
                                     "http://a/\x7f",
                                     "http://a/ b",
                                     "http://a/#f",
                                     "javascript://a",
                                     "http://a\\@b/",
                                     "://a/",
                                     "ws://a/"}) {
    CAPTURE(bad);
    CHECK(std::holds_alternative<HeadProblem>(parse_absolute_target("GET", bad)));
  }
}
