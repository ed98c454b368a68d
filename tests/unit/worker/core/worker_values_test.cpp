#include "worker/core/worker_values.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::worker;

namespace {

template <class T>
std::string problem(const Result<T>& result) {
  return result.ok() ? "no problem" : result.error().sentence();
}

SiteCredential credential(std::string_view text) {
  auto parsed = parse_site_credential(text);
  REQUIRE(parsed.ok());
  return std::move(parsed).value();
}

}  // namespace

TEST_CASE("site credentials with their wildcards and escapes") {
  const SiteCredential full = credential("me:p%40ss%3a@Site.Example:8080");
  CHECK(full.user == "me");
  CHECK(full.password.reveal() == "p@ss:");
  CHECK(full.host == "site.example");
  CHECK(full.port == 8080);
  CHECK(credential("me@host:80").password.empty());
  CHECK(credential("a:b@host:*").port == 0);
  CHECK(credential("a:b@*:443").host == "*");
  CHECK(credential("a:b@*:*").host == "*");
  CHECK(credential("a:b:c@host:1").password.reveal() == "b:c");
  CHECK(credential("mail@work:pw@host:1").user == "mail@work");
  CHECK(credential("a:b@[::1]:80").host == "::1");
}

TEST_CASE("what is no site credential is refused without repeating it") {
  for (const char* text : {"hunter2",
                           "a:hunter2@host",
                           "a:hunter2@host:0",
                           "a:hunter2@host:99999",
                           "a:hunter2@host:x",
                           "a:hunter2@:80",
                           ":hunter2@host:80",
                           "a:hunter2%4@host:80",
                           "a:hunter2%zz@host:80",
                           "a:hunter2@[::1:80"}) {
    CAPTURE(text);
    const auto parsed = parse_site_credential(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().sentence().find("hunter2") == std::string::npos);
  }
}

TEST_CASE("addresses of the local API") {
  CHECK(parse_api_address(":8032").value().host.empty());
  CHECK(parse_api_address(":8032").value().port == 8032);
  CHECK(parse_api_address("127.0.0.1:0").value().port == 0);
  CHECK(parse_api_address("localhost:1").value().host == "localhost");
  CHECK(parse_api_address("[::1]:1").value().host == "::1");
  CHECK(parse_api_address("unix:/run/x.sock").value().unix_path == "/run/x.sock");
  CHECK(problem(parse_api_address("8032")) == "must be host:port, :port or unix:PATH, not '8032'");
  CHECK(problem(parse_api_address("host:70000")) ==
        "must be host:port, :port or unix:PATH, not 'host:70000'");
  CHECK_FALSE(parse_api_address("unix:").ok());
  CHECK_FALSE(parse_api_address("unix:/" + std::string(107, 'x')).ok());
  CHECK_FALSE(parse_api_address("a b:1").ok());
  CHECK_FALSE(parse_api_address("*:1").ok());
}

TEST_CASE("credentials of the local API") {
  CHECK(parse_api_credential("me:p:w").value().password.reveal() == "p:w");
  CHECK(parse_api_credential("me").value().password.empty());
  CHECK_FALSE(parse_api_credential(":p").ok());
}

TEST_CASE("log modes for one module or for all") {
  LogHttp modes;
  REQUIRE(take_log_http("url", modes).ok());
  CHECK(modes.api == LogHttpMode::Url);
  CHECK(modes.control == LogHttpMode::Url);
  REQUIRE(take_log_http("proxy:errors", modes).ok());
  CHECK(modes.proxy == LogHttpMode::Errors);
  CHECK(modes.api == LogHttpMode::Url);
  for (const char* text : {"", "loud", "tunnel:url", ":url", "proxy:"}) {
    CAPTURE(text);
    CHECK_FALSE(take_log_http(text, modes).ok());
  }
}

TEST_CASE("metadata is key and value") {
  CHECK(parse_metadata("runner=a=b").value() ==
        std::pair<std::string, std::string>("runner", "a=b"));
  CHECK(parse_metadata("k=").value().second.empty());
  CHECK_FALSE(parse_metadata("k:v").ok());
  CHECK_FALSE(parse_metadata("=v").ok());
}

TEST_CASE("REST URLs are complete, without a slash at the end") {
  CHECK(parse_rest_url("https://Host:8443/rest/v1/").value() == "https://host:8443/rest/v1");
  CHECK(parse_rest_url("https://host").value() == "https://host:443/rest/v1");
  CHECK(parse_rest_url("https://host/prefix/rest/v1").value() == "https://host:443/prefix/rest/v1");
  CHECK(parse_rest_url("http://127.0.0.1:1/rest/v1").value() == "http://127.0.0.1:1/rest/v1");
  CHECK(parse_rest_url("https://[::1]:1/x").value() == "https://[::1]:1/x");
  CHECK(problem(parse_rest_url("http://host/rest/v1")) ==
        "must begin with https://, since the access key goes this way");
  for (const char* text :
       {"", "host:1", "ftp://host/", "https://", "https://user:pw@host/", "https://host/?a=b"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rest_url(text).ok());
  }
}

TEST_CASE("regions have their REST URL; an unknown one is told the known ones") {
  CHECK(region_rest_url("us-west").value() == "https://api.us-west-1.saucelabs.com/rest/v1");
  CHECK(region_rest_url("eu-central-1").value() ==
        "https://api.eu-central-1.saucelabs.com/rest/v1");
  CHECK(problem(region_rest_url("moon")) ==
        "unknown region 'moon': known are us-west, us-east, eu-central, asia-south; a server of "
        "your own is given with --rest-url");
}
