#include "worker/core/worker_config.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::worker;
using namespace std::chrono_literals;

namespace {

using Flags = std::vector<std::pair<std::string, std::string>>;

std::variant<WorkerConfig, std::vector<Error>> configured(const Flags& flags) {
  SettingSources sources;
  sources.flags = flags;
  auto loaded = Settings::load(worker_flag_table(), sources);
  if (auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    return std::move(*problems);
  }
  return worker_config(std::get<Settings>(loaded));
}

Flags with(const Flags& more) {
  Flags flags = {{"username", "me"},
                 {"access-key", "hunter2"},
                 {"rest-url", "https://localhost:8443/rest/v1"},
                 {"tunnel-name", "ci"}};
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

WorkerConfig config(const Flags& more) {
  auto made = configured(with(more));
  if (const auto* problems = std::get_if<std::vector<Error>>(&made)) {
    FAIL(problems->front().sentence());
  }
  return std::get<WorkerConfig>(std::move(made));
}

std::vector<std::string> problems(const Flags& flags) {
  const auto made = configured(flags);
  std::vector<std::string> sentences;
  if (const auto* errors = std::get_if<std::vector<Error>>(&made)) {
    for (const Error& error : *errors) {
      sentences.push_back(error.sentence());
    }
  }
  return sentences;
}

using Sentences = std::vector<std::string>;

}  // namespace

TEST_CASE("the documented defaults") {
  const WorkerConfig made = config({});
  CHECK(made.user == "me");
  CHECK(made.access_key.reveal() == "hunter2");
  CHECK(made.rest_url == "https://localhost:8443/rest/v1");
  CHECK(made.region.empty());
  CHECK_FALSE(made.tunnel_pool);
  CHECK_FALSE(made.shared);
  CHECK(made.tunnel_connections == 4);
  CHECK(made.max_concurrent_streams == 256);
  CHECK(made.localhost == LocalhostPolicy::Deny);
  CHECK(made.http.dial_timeout == 25s);
  CHECK(made.http.dial_attempts == 3);
  CHECK(made.http.dial_backoff == 1s);
  CHECK(made.http.idle_connection_timeout == 90s);
  CHECK(made.http.response_header_timeout == 0s);
  CHECK(made.http.tls_handshake_timeout == 10s);
  CHECK(made.api_idle_timeout == 1h);
  CHECK_FALSE(made.api_address);
  CHECK_FALSE(made.api_credential);
  CHECK(made.log_format == "text");
  CHECK(made.log_level == "info");
  CHECK(made.deny_domains.compiled.empty());
  CHECK(made.tls_resign_domains.rules == Sentences{".*"});
}

TEST_CASE("everything given arrives") {
  const WorkerConfig made = config({{"tunnel-pool", "true"},
                                    {"shared", "all"},
                                    {"metadata", "a=1,b=2"},
                                    {"deny-domains", "\\.bad$,-good\\.bad$"},
                                    {"tunnel-domains", "all"},
                                    {"tls-passthrough-domains", "x"},
                                    {"proxy-localhost", "direct"},
                                    {"auth", "u:p@site:*"},
                                    {"header", "-x,y: z"},
                                    {"cacert-file", "a.pem,data:base64,QUJD,b.pem"},
                                    {"api-address", "unix:/run/x"},
                                    {"api-basic-auth", "u:p"},
                                    {"log-http", "errors,api:none"},
                                    {"pidfile", "p"},
                                    {"readyfile", "r"}});
  CHECK(made.tunnel_pool);
  CHECK(made.shared);
  CHECK(made.metadata.size() == 2);
  CHECK(made.deny_domains.compiled.matches("a.bad"));
  CHECK_FALSE(made.deny_domains.compiled.matches("good.bad"));
  CHECK(made.deny_domains.rules.size() == 2);
  CHECK(made.tunnel_domains.compiled.matches("anything"));
  // A list of what to let pass replaces the default of resigning everything.
  CHECK(made.tls_resign_domains.rules.empty());
  CHECK(made.localhost == LocalhostPolicy::Direct);
  CHECK(made.credentials.size() == 1);
  CHECK(made.header_rules.size() == 2);
  CHECK(made.ca_files == Sentences{"a.pem", "data:base64,QUJD", "b.pem"});
  CHECK(made.api_address->unix_path == "/run/x");
  CHECK(made.api_credential->user == "u");
  CHECK(made.log_http.api == LogHttpMode::None);
  CHECK(made.log_http.proxy == LogHttpMode::Errors);
  CHECK(made.pid_file == "p");
  CHECK(made.ready_file == "r");
}

TEST_CASE("a region stands for the vendor's API; with a URL it is just a name") {
  Flags flags = {{"username", "me"}, {"access-key", "k"}, {"tunnel-name", "n"}};
  flags.emplace_back("region", "us-west");
  const auto made = configured(flags);
  CHECK(std::get<WorkerConfig>(made).rest_url == "https://api.us-west-1.saucelabs.com/rest/v1");
  CHECK(config({{"region", "lab"}}).region == "lab");
  flags.back().second = "moon";
  CHECK(problems(flags).front().find("--region: unknown region 'moon'") == 0);
}

TEST_CASE("what is required and missing is told together, with the ways to give it") {
  CHECK(problems({}) ==
        Sentences{"username is missing: give --username, SAUCE_USERNAME or username in the "
                  "configuration file",
                  "access-key is missing: give --access-key, SAUCE_ACCESS_KEY or access-key in the "
                  "configuration file",
                  "region is missing: give --region or SAUCE_REGION, or --rest-url for a server of "
                  "your own",
                  "tunnel-name is missing: give --tunnel-name, SAUCE_TUNNEL_NAME or tunnel-name in "
                  "the configuration file"});
}

TEST_CASE("impossible values are refused, all at once") {
  CHECK(problems(with({{"tunnel-connections", "17"},
                       {"tunnel-max-concurrent-streams", "0"},
                       {"deny-domains", "-only"},
                       {"tunnel-domains", "a"},
                       {"direct-domains", "b"},
                       {"auth", "u:p@h:1,u:q@H:1"},
                       {"http-dial-attempts", "0"},
                       {"http-dial-timeout", "0"},
                       {"metadata", "a=1,a=2"}}))
            .size() == 8);
  CHECK(problems(with({{"tunnel-connections", "17"}})) ==
        Sentences{"--tunnel-connections: must be 1 to 16, not 17"});
  CHECK(problems(with({{"tunnel-domains", "a"}, {"direct-domains", "b"}})) ==
        Sentences{"--tunnel-domains: tunnel-domains and direct-domains exclude each other "
                  "(--direct-domains)"});
  CHECK(problems(with({{"tls-passthrough-domains", "a"}, {"tls-resign-domains", "b"}})).size() ==
        1);
  CHECK(problems(with({{"auth", "u:p@h:*,u:q@H:*"}})) ==
        Sentences{"--auth: has two entries for h:*"});
  CHECK(problems(with({{"tunnel-name", "n\xc3\xa4me"}})) ==
        Sentences{"--tunnel-name: must be at most 256 printable ASCII characters"});
  CHECK(problems(with({{"username", "a:b"}})) == Sentences{"--username: must not contain a colon"});
}

TEST_CASE("no message repeats a secret") {
  for (const std::string& sentence : problems(with({{"access-key", "hunter2\n"},
                                                    {"auth", "hunter2"},
                                                    {"header", "hunter2"},
                                                    {"api-basic-auth", ":hunter2"},
                                                    {"rest-url", "https://u:hunter2@h/"}}))) {
    CAPTURE(sentence);
    CHECK(sentence.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("the most specific credential is found, in the documented order") {
  const WorkerConfig made =
      config({{"auth", "any:p@*:*,host:p@site:*,port:p@*:80,both:p@site:80"}});
  const auto user = [&made](std::string_view host, std::uint16_t port) {
    const SiteCredential* found = find_credential(made.credentials, host, port);
    return found == nullptr ? "" : found->user;
  };
  CHECK(user("site", 80) == "both");
  CHECK(user("SITE", 80) == "both");
  CHECK(user("other", 80) == "port");
  CHECK(user("site", 81) == "host");
  CHECK(user("other", 81) == "any");
  CHECK(find_credential({}, "site", 80) == nullptr);
}
