#include <doctest/doctest.h>

#include "supervisor/core/checkup.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMoment = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

ServerFinding well() {
  ServerFinding finding;
  finding.url = "https://tunnels.example/rest/v1";
  finding.user = "shop";
  finding.status = 200;
  finding.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  finding.asked_at = wall_time_from_unix(kMoment);
  finding.answered_at = wall_time_from_unix(kMoment) + 300ms;
  finding.certificate_end = finding.answered_at + 90 * 24h;
  return finding;
}

Check named(const ServerFinding& finding, const char* name) {
  for (const Check& check : judge_server(finding)) {
    if (check.name == name) {
      return check;
    }
  }
  FAIL("no check of that name");
  return {};
}

Verdict verdict(const ServerFinding& finding, const char* name) {
  const Check check = named(finding, name);
  CHECK(check.mend.empty() == (check.verdict != Verdict::Failed));
  return check.verdict;
}

}  // namespace

TEST_CASE("a server that answers passes every check") {
  CHECK_FALSE(any_failed(judge_server(well())));
  CHECK(judge_server(well()).size() == 4);
}

TEST_CASE("what failed is one check, what could not be looked at is skipped") {
  ServerFinding finding = well();
  finding.failure = Error(ErrorKind::Unreachable, "connection refused");
  CHECK(verdict(finding, "server") == Verdict::Failed);
  CHECK(verdict(finding, "tls") == Verdict::Skipped);
  CHECK(verdict(finding, "clock") == Verdict::Skipped);
  CHECK(verdict(finding, "credentials") == Verdict::Skipped);
  finding.failure = Error(ErrorKind::Denied, "unable to get local issuer certificate");
  CHECK(verdict(finding, "server") == Verdict::Passed);
  CHECK(verdict(finding, "tls") == Verdict::Failed);
  CHECK(verdict(finding, "credentials") == Verdict::Skipped);
}

TEST_CASE("a server without TLS is not blamed for its certificate") {
  ServerFinding finding = well();
  finding.url = "http://tunnels.example/rest/v1";
  CHECK(verdict(finding, "tls") == Verdict::Skipped);
  finding.failure = Error(ErrorKind::Protocol, "not HTTP");
  CHECK(verdict(finding, "server") == Verdict::Failed);
}

TEST_CASE("a certificate is to be renewed a week before its end") {
  ServerFinding finding = well();
  finding.certificate_end = finding.answered_at + 8 * 24h;
  CHECK(verdict(finding, "tls") == Verdict::Passed);
  finding.certificate_end = finding.answered_at + 6 * 24h;
  CHECK(verdict(finding, "tls") == Verdict::Failed);
  CHECK(named(finding, "tls").finding == "the server's certificate ends on 1994-11-12");
}

TEST_CASE("skew is what the time between question and answer does not explain") {
  ServerFinding finding = well();
  finding.asked_at -= 1h;
  CHECK(verdict(finding, "clock") == Verdict::Passed);
  finding = well();
  finding.asked_at += 2min;
  finding.answered_at += 2min;
  CHECK(verdict(finding, "clock") == Verdict::Failed);
  CHECK(named(finding, "clock").finding.find("ahead of the server") != std::string::npos);
  finding.asked_at -= 4min;
  finding.answered_at -= 4min;
  CHECK(named(finding, "clock").finding.find("behind the server") != std::string::npos);
  finding.date = "yesterday";
  CHECK(verdict(finding, "clock") == Verdict::Skipped);
}

TEST_CASE("credentials are refused, unreadable, or not asked for by this server") {
  ServerFinding finding = well();
  finding.status = 401;
  CHECK(verdict(finding, "credentials") == Verdict::Failed);
  CHECK(named(finding, "credentials").mend.find("SAUCE_ACCESS_KEY") != std::string::npos);
  finding.key_problem = "account.access_key_file: /key: No such file or directory";
  CHECK(named(finding, "credentials").finding == finding.key_problem);
  finding.key_problem.clear();
  finding.status = 503;
  CHECK(named(finding, "credentials").finding.find("503") != std::string::npos);
  CHECK(named(finding, "credentials").mend.find("rest_url") != std::string::npos);
}

TEST_CASE("a name resolves, does not, or is none") {
  NameFinding finding;
  finding.host = "tunnels.example";
  finding.problem = "tunnels.example: no such host";
  CHECK(judge_name(finding).verdict == Verdict::Failed);
  finding.addresses = {"192.0.2.1", "2001:db8::1"};
  CHECK(judge_name(finding).finding == "tunnels.example is 192.0.2.1, 2001:db8::1");
  finding.is_address = true;
  CHECK(judge_name(finding).verdict == Verdict::Skipped);
}

TEST_CASE("dates of HTTP are read in their one form") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == wall_time_from_unix(kMoment));
  CHECK(parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT").has_value());
  for (const char* text : {"",
                           "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Xyz 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 25:49:37 GMT",
                           "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    CHECK_MESSAGE(!parse_http_date(text).has_value(), text);
  }
}

}  // namespace scpool::supervisor
