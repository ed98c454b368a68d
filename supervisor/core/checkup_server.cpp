// The judges of what the REST API's server showed; declared in checkup.hpp.
#include <algorithm>
#include <array>

#include "common/base/text.hpp"
#include "supervisor/core/checkup.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

// Tokens and certificates are judged by the clock; logs of both sides are compared by it.
constexpr Duration kMostSkew = 30s;
constexpr Duration kCertificateNotice = 7 * 24h;

Check passed(std::string name, std::string finding) {
  return {std::move(name), Verdict::Passed, std::move(finding), ""};
}

Check failed_check(std::string name, std::string finding, std::string mend) {
  return {std::move(name), Verdict::Failed, std::move(finding), std::move(mend)};
}

bool is_secure(const ServerFinding& finding) {
  return finding.url.starts_with("https://");
}

// Whatever fails behind the connection is TLS; an HTTP answer with an error is none of these.
bool reached(const ServerFinding& finding) {
  if (!finding.failure.has_value()) {
    return true;
  }
  const ErrorKind kind = finding.failure->kind();
  return kind != ErrorKind::Unreachable && kind != ErrorKind::TimedOut &&
         kind != ErrorKind::Invalid && is_secure(finding);
}

Check judge_connection(const ServerFinding& finding) {
  return reached(finding)
             ? passed("server", finding.url + " is reached")
             : failed_check("server",
                            finding.failure->sentence(),
                            "see that the server runs and a firewall lets this host reach it; its "
                            "address is account.rest_url or account.region");
}

Check judge_tls(const ServerFinding& finding) {
  if (!is_secure(finding)) {
    return skipped("tls", "the server's URL is not https");
  }
  if (!reached(finding)) {
    return skipped("tls", "the server is not reached");
  }
  if (finding.failure.has_value()) {
    return failed_check("tls",
                        finding.failure->sentence(),
                        "name the authority that signed the server's certificate in "
                        "account.ca_file, or mend the certificate");
  }
  if (!finding.certificate_end.has_value()) {
    return passed("tls", "the certificate is verified");
  }
  const Duration left = *finding.certificate_end - finding.answered_at;
  const std::string day = rfc3339(*finding.certificate_end).substr(0, 10);
  return left < kCertificateNotice
             ? failed_check("tls",
                            "the server's certificate ends on " + day,
                            "renew it: from that day on no worker connects")
             : passed("tls", "the certificate is verified and good until " + day);
}

Check judge_clock(const ServerFinding& finding) {
  if (finding.failure.has_value()) {
    return skipped("clock", "the server gave no answer");
  }
  const auto server_time = parse_http_date(finding.date);
  if (!server_time.has_value()) {
    return skipped("clock", "the server does not tell its time");
  }
  // It was read between question and answer, and cut to a second.
  const WallTime earliest = finding.asked_at - 1s;
  Duration skew{};
  if (*server_time < earliest) {
    skew = earliest - *server_time;
  } else if (*server_time > finding.answered_at) {
    skew = *server_time - finding.answered_at;
  }
  if (skew > kMostSkew) {
    return failed_check("clock",
                        "this host is " + rough_duration(skew) +
                            (*server_time < earliest ? " ahead of" : " behind") + " the server",
                        "set the clock: timedatectl set-ntp true");
  }
  return passed("clock",
                skew == Duration::zero() ? "agrees with the server's"
                                         : rough_duration(skew) + " beside the server's");
}

Check judge_credentials(const ServerFinding& finding) {
  constexpr const char* kMend =
      "set the account's key: SAUCE_ACCESS_KEY or account.access_key_file, beside account.user";
  if (!finding.key_problem.empty()) {
    return failed_check("credentials", finding.key_problem, kMend);
  }
  if (finding.failure.has_value()) {
    return skipped("credentials", "the server gave no answer");
  }
  if (finding.status == 401 || finding.status == 403) {
    return failed_check("credentials",
                        "the server does not accept the access key of user '" + finding.user +
                            "': " + finding.sentence,
                        kMend);
  }
  if (finding.status < 200 || finding.status >= 300) {
    return failed_check(
        "credentials",
        "the REST API answers " + std::to_string(finding.status) + ": " + finding.sentence,
        "see that account.rest_url is a REST API (it ends in /rest/v1) and the "
        "server is well");
  }
  return passed("credentials", "the server knows user '" + finding.user + "'");
}

std::optional<int> number_of(std::string_view text, std::size_t at, std::size_t size) {
  const auto number = parse_number(text.substr(at, size));
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace

Check judge_name(const NameFinding& finding) {
  if (finding.is_address) {
    return skipped("dns", finding.host + " is an address, there is no name to look up");
  }
  if (finding.addresses.empty()) {
    return failed_check("dns",
                        finding.problem,
                        "see /etc/resolv.conf and /etc/hosts, or the spelling in account.rest_url");
  }
  return passed("dns", finding.host + " is " + join(finding.addresses, ", "));
}

std::vector<Check> judge_server(const ServerFinding& finding) {
  return {judge_connection(finding),
          judge_tls(finding),
          judge_clock(finding),
          judge_credentials(finding)};
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::size_t kLength = 29;
  if (text.size() != kLength || !text.ends_with(" GMT") || text.substr(3, 2) != ", " ||
      text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':') {
    return std::nullopt;
  }
  const auto day = number_of(text, 5, 2);
  const auto year = number_of(text, 12, 4);
  const auto hour = number_of(text, 17, 2);
  const auto minute = number_of(text, 20, 2);
  const auto second = number_of(text, 23, 2);
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (!day || !year || !hour || !minute || !second || month == kMonths.end() || *hour > 23 ||
      *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year{*year},
      std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) {
    return std::nullopt;
  }
  return WallTime{std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{*hour} +
                  std::chrono::minutes{*minute} + std::chrono::seconds{*second}};
}

}  // namespace scpool::supervisor
