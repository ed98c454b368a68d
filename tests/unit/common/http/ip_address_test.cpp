#include "common/http/ip_address.hpp"

#include <doctest/doctest.h>

using namespace scpool;

namespace {

std::string round_trip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  CAPTURE(text);
  REQUIRE(address);
  CHECK(IpAddress::parse(address->text()) == address);
  return address->text();
}

}  // namespace

TEST_CASE("addresses are printed in their one short form") {
  CHECK(round_trip("192.0.2.1") == "192.0.2.1");
  CHECK(round_trip("2001:DB8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
  CHECK(round_trip("::") == "::");
  CHECK(round_trip("::1") == "::1");
  CHECK(round_trip("1::") == "1::");
  CHECK(round_trip("1:2:3:4:5:6:7:8") == "1:2:3:4:5:6:7:8");
  CHECK(round_trip("1:0:3:4:5:6:7:8") == "1:0:3:4:5:6:7:8");
  CHECK(round_trip("1:2:3:4:5:6::") == "1:2:3:4:5:6::");
  CHECK(round_trip("fe80:0:0:0:0:0:0:1") == "fe80::1");
  CHECK(round_trip("::ffff:192.0.2.1") == "::ffff:c000:201");
  CHECK(round_trip("1:2:3:4:5:6:1.2.3.4") == "1:2:3:4:5:6:102:304");
}

TEST_CASE("what is no address") {
  for (const char* bad : {"",
                          "1.2.3",
                          "1.2.3.4.5",
                          "1.2.3.256",
                          "01.2.3.4",
                          "1.2.3.04",
                          "0x7f.0.0.1",
                          "127.1",
                          "2130706433",
                          "1.2.3.4 ",
                          "1.2.3.",
                          ".1.2.3",
                          "1..2.3",
                          "1.2.3.4.",
                          "00.1.2.3",
                          "1.2.3.1000",
                          "1.2.3.99999999999999999999",
                          "-1.2.3.4",
                          ":",
                          ":::",
                          "1:::2",
                          "1::2::3",
                          "1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4:5:6:7::8",
                          "12345::",
                          "g::",
                          "::1%lo",
                          "[::1]",
                          "::1.2.3",
                          "1.2.3.4::",
                          "::1.2.3.4:5",
                          ":1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:",
                          "::-1",
                          "::+1"}) {
    CAPTURE(bad);
    CHECK_FALSE(IpAddress::parse(bad));
  }
}

TEST_CASE("IPv4 inside IPv6 is found") {
  const auto v4 = IpAddress::parse("169.254.169.254");
  for (const char* text : {"::ffff:169.254.169.254",
                           "::169.254.169.254",
                           "64:ff9b::a9fe:a9fe",
                           "64:ff9b:1::a9fe:a9fe",
                           "2002:a9fe:a9fe::",
                           "::ffff:0:169.254.169.254"}) {
    CAPTURE(text);
    CHECK(IpAddress::parse(text)->embedded_v4() == v4);
  }
  CHECK_FALSE(IpAddress::parse("2001:db8::1")->embedded_v4());
  CHECK_FALSE(v4->embedded_v4());
}
