#include "worker/core/origin_policy.hpp"

#include <doctest/doctest.h>

#include "common/http/message_head.hpp"

using namespace scpool;
using namespace scpool::worker;
using Purpose = OriginPolicy::Purpose;

namespace {

Authority authority(std::string_view text) {
  const auto result = parse_authority(text, 80);
  CAPTURE(text);
  REQUIRE(std::holds_alternative<Authority>(result));
  return std::get<Authority>(result);
}

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  CAPTURE(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("numbers that others read as addresses are refused as names") {
  const OriginPolicy policy(LocalhostPolicy::Allow, nullptr);
  for (const char* bad : {"2130706433",
                          "127.1",
                          "127.0.1",
                          "0x7f.0.0.1",
                          "0x7f000001",
                          "0177.0.0.1",
                          "017700000001",
                          "127.0.0.1.1",
                          "1.2.3.256",
                          "169.254.43518",
                          "0xA9FEA9FE",
                          "a.test.0x7f",
                          "0x",
                          "127.0.0.08",
                          "2852039166."}) {
    CAPTURE(bad);
    const auto error = policy.judge_name(authority(bad), Purpose::Exchange);
    REQUIRE(error);
    CHECK(error->reason == ProxyErrorReason::HttpRequestDenied);
  }
  for (const char* good : {"10.0.0.1", "1.example", "0x7f.example", "192.168.0.1.nip.io", "a1"}) {
    CAPTURE(good);
    CHECK_FALSE(policy.judge_name(authority(good), Purpose::Exchange));
  }
}

TEST_CASE("localhost in every spelling is denied unless allowed") {
  const OriginPolicy denying(LocalhostPolicy::Deny, nullptr);
  const OriginPolicy allowing(LocalhostPolicy::Allow, nullptr);
  const OriginPolicy direct(LocalhostPolicy::Direct, nullptr);
  for (const char* host : {"localhost",
                           "LOCALHOST",
                           "localhost.",
                           "a.localhost",
                           "127.0.0.1",
                           "127.255.0.3",
                           "0.0.0.0",
                           "0.1.2.3",
                           "[::1]",
                           "[::]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[64:ff9b::7f00:1]",
                           "127.0.0.1."}) {
    CAPTURE(host);
    CHECK(denying.judge_name(authority(host), Purpose::Exchange));
    CHECK_FALSE(allowing.judge_name(authority(host), Purpose::Exchange));
    CHECK_FALSE(direct.judge_name(authority(host), Purpose::Exchange));
  }
  CHECK_FALSE(denying.judge_name(authority("localhost.test"), Purpose::Exchange));
  CHECK_FALSE(denying.judge_name(authority("notlocalhost"), Purpose::Exchange));
}

TEST_CASE("an allowed name does not lead to a prohibited address") {
  const OriginPolicy policy(LocalhostPolicy::Deny, nullptr);
  for (const char* bad : {"127.0.0.1",
                          "0.0.0.0",
                          "::",
                          "::1",
                          "169.254.169.254",
                          "169.254.0.1",
                          "224.0.0.1",
                          "239.1.2.3",
                          "255.255.255.255",
                          "240.0.0.1",
                          "fe80::1",
                          "febf::1",
                          "ff02::1",
                          "fd00:ec2::254",
                          "fd20:ce::254",
                          "100.100.100.200",
                          "192.0.0.192",
                          "168.63.129.16",
                          "::ffff:169.254.169.254",
                          "64:ff9b::a9fe:a9fe",
                          "64:ff9b:1::a9fe:a9fe",
                          "2002:a9fe:a9fe::1",
                          "::ffff:0:169.254.169.254",
                          "::169.254.169.254",
                          "2002:7f00:1::"}) {
    CAPTURE(bad);
    const auto error = policy.judge_address(address(bad), 80);
    REQUIRE(error);
    CHECK(error->reason == ProxyErrorReason::DestinationIpProhibited);
    CHECK(error->origin == ProxyErrorOrigin::Worker);
  }
  for (const char* good : {"10.0.0.1",
                           "172.16.0.1",
                           "192.168.1.1",
                           "100.64.0.1",
                           "8.8.8.8",
                           "fc00::1",
                           "fd12::1",
                           "2001:db8::1",
                           "::ffff:10.0.0.1",
                           "169.253.255.255",
                           "169.255.0.0",
                           "223.255.255.255",
                           "128.0.0.1",
                           "fec0::1"}) {
    CAPTURE(good);
    CHECK_FALSE(policy.judge_address(address(good), 80));
  }
}

TEST_CASE("metadata and link-local stay out even where localhost is allowed") {
  const OriginPolicy policy(LocalhostPolicy::Allow, nullptr);
  CHECK(policy.judge_name(authority("169.254.169.254"), Purpose::Connect));
  CHECK(policy.judge_name(authority("[::ffff:a9fe:a9fe]"), Purpose::Exchange));
  CHECK_FALSE(policy.judge_address(address("127.0.0.1"), 80));
}

TEST_CASE("the tunnel's own endpoints are never a site") {
  OriginPolicy policy(LocalhostPolicy::Allow, nullptr);
  policy.forbid({address("127.0.0.1"), 8032});
  policy.forbid({address("203.0.113.7"), 443});
  policy.forbid({address("0.0.0.0"), 9000});
  CHECK(policy.judge_address(address("127.0.0.1"), 8032));
  CHECK(policy.judge_address(address("::1"), 8032));
  CHECK(policy.judge_address(address("::ffff:127.0.0.1"), 8032));
  CHECK_FALSE(policy.judge_address(address("127.0.0.1"), 8033));
  CHECK(policy.judge_address(address("203.0.113.7"), 443));
  CHECK(policy.judge_address(address("::ffff:203.0.113.7"), 443));
  CHECK_FALSE(policy.judge_address(address("203.0.113.7"), 80));
  CHECK(policy.judge_address(address("127.0.0.1"), 9000));
  // An own address in the network is known by both ends being the same.
  CHECK_FALSE(policy.judge_address(address("192.0.2.5"), 9000));
  CHECK(policy.judge_connection(address("192.0.2.5"), address("192.0.2.5"), 9000));
  CHECK(policy.judge_connection(address("::ffff:192.0.2.5"), address("192.0.2.5"), 9000));
  CHECK_FALSE(policy.judge_connection(address("192.0.2.5"), address("192.0.2.5"), 80));
  CHECK_FALSE(policy.judge_connection(address("192.0.2.5"), address("192.0.2.6"), 9000));
}

TEST_CASE("denied domains, mail ports") {
  auto rules = DomainRules::compile({"\\.evil\\.test$", "-ok\\.evil"});
  REQUIRE(rules.ok());
  const OriginPolicy policy(LocalhostPolicy::Deny, &rules.value());
  CHECK(policy.judge_name(authority("a.evil.test"), Purpose::Exchange));
  CHECK(policy.judge_name(authority("A.EVIL.test."), Purpose::Connect));
  CHECK_FALSE(policy.judge_name(authority("ok.evil.test"), Purpose::Exchange));
  for (const char* host : {"mx.test:25", "mx.test:465", "mx.test:587"}) {
    const Authority mail = authority(host);
    CHECK(policy.judge_name(mail, Purpose::Connect));
    CHECK_FALSE(policy.judge_name(mail, Purpose::Exchange));
  }
}

TEST_CASE("literals and localhost need no lookup") {
  CHECK(origin_name(authority("a.test.")).host == "a.test");
  CHECK(origin_name(authority("a.test")).addresses.empty());
  CHECK(origin_name(authority("10.0.0.1")).addresses == std::vector{address("10.0.0.1")});
  CHECK(origin_name(authority("[2001:db8::1]")).addresses == std::vector{address("2001:db8::1")});
  CHECK(origin_name(authority("localhost")).addresses ==
        std::vector{address("127.0.0.1"), address("::1")});
}
