#include "worker/core/legacy_flags.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace scpool;
using namespace scpool::worker;

namespace {

using Environment = std::map<std::string, std::string>;
using Outcome = std::variant<RunFlags, std::vector<Error>>;

EnvironmentReader reader_of(const Environment& variables) {
  return [&variables](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Outcome convert(RunFlags flags, const Environment& variables = {}) {
  const EnvironmentReader read = reader_of(variables);
  const SettingSources sources{
      .flags = std::move(flags), .environment = read, .file = {}, .ignore_key = nullptr};
  auto loaded = Settings::load(legacy_flag_table(), sources);
  if (auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    return *problems;
  }
  return run_flags(std::get<Settings>(loaded), read);
}

RunFlags converted(RunFlags flags, const Environment& variables = {}) {
  const Outcome outcome = convert(std::move(flags), variables);
  REQUIRE(std::holds_alternative<RunFlags>(outcome));
  return std::get<RunFlags>(outcome);
}

bool has(const RunFlags& flags, const std::string& name, const std::string& value) {
  return std::find(flags.begin(), flags.end(), std::pair(name, value)) != flags.end();
}

std::string problem(RunFlags flags) {
  const Outcome outcome = convert(std::move(flags));
  REQUIRE(std::holds_alternative<std::vector<Error>>(outcome));
  return std::get<std::vector<Error>>(outcome).front().sentence();
}

}  // namespace

TEST_CASE("each old flag becomes the new one of the same meaning") {
  const RunFlags flags = converted({{"user", "me"},
                                    {"api-key", "k"},
                                    {"tunnel-identifier", "main"},
                                    {"no-remove-colliding-tunnels", "true"},
                                    {"shared-tunnel", "true"},
                                    {"metadata", "team:web"},
                                    {"fast-fail-regexps", "ads\\.example\\.com"},
                                    {"tunnel-domains", "*.example.com"},
                                    {"no-ssl-bump-domains", "all"},
                                    {"auth", "host.example:8080:a@b:p:w/d"},
                                    {"proxy-localhost", "true"},
                                    {"cainfo", "/ca.pem"},
                                    {"tunnel-cainfo", "/ca.pem"},
                                    {"pidfile", "/p"},
                                    {"readyfile", "/r"},
                                    {"logfile", "-"},
                                    {"status-address", ":8032"},
                                    {"verbose", "2"},
                                    {"se-port", "0"}});
  const RunFlags expected = {{"username", "me"},
                             {"access-key", "k"},
                             {"region", "us-west"},
                             {"tunnel-name", "main"},
                             {"tunnel-pool", "true"},
                             {"shared", "all"},
                             {"metadata", "team=web"},
                             {"deny-domains", "ads\\.example\\.com"},
                             {"tunnel-domains", "^.+\\.example\\.com$"},
                             {"tls-passthrough-domains", "all"},
                             {"auth", "a%40b:p%3Aw%2Fd@host.example:8080"},
                             {"proxy-localhost", "allow"},
                             {"cacert-file", "/ca.pem"},
                             {"pidfile", "/p"},
                             {"readyfile", "/r"},
                             {"api-address", ":8032"},
                             {"log-level", "debug"},
                             {"log-http", "headers"}};
  CHECK(flags == expected);
}

TEST_CASE("a pid file and a log that nobody named are named for the tunnel") {
  const Environment variables = {{"TMPDIR", "/var/tmp"}};
  const auto paths = [](RunFlags flags, const Environment& known) {
    const EnvironmentReader read = reader_of(known);
    const auto loaded = Settings::load(
        legacy_flag_table(),
        {.flags = std::move(flags), .environment = read, .file = {}, .ignore_key = nullptr});
    return default_paths(std::get<Settings>(loaded), read);
  };
  CHECK(paths({}, {}) == RunFlags{{"pidfile", "/tmp/sc_client.pid"}, {"log-file", "/tmp/sc.log"}});
  CHECK(paths({{"tunnel-identifier", "a/b"}}, variables) ==
        RunFlags{{"pidfile", "/var/tmp/sc_client-a_b.pid"}, {"log-file", "/var/tmp/sc-a_b.log"}});
  CHECK(paths({{"tunnel-name", "x"}, {"logfile", "-"}}, {}) ==
        RunFlags{{"pidfile", "/tmp/sc_client-x.pid"}});
  CHECK(paths({{"pidfile", "/p"}, {"logfile", "/l"}}, {}).empty());
}

TEST_CASE("user and key come from the variables of both generations") {
  CHECK(has(converted({}, {{"SAUCE_USER", "me"}, {"SAUCE_API_KEY", "k"}}), "access-key", "k"));
  const RunFlags newer = converted({}, {{"SAUCE_USERNAME", "me"}, {"SAUCE_ACCESS_KEY", "k"}});
  CHECK(has(newer, "username", "me"));
  CHECK(has(newer, "access-key", "k"));
}

TEST_CASE("an address of the REST API needs no region") {
  const RunFlags flags = converted({{"rest-url", "https://tunnels.example.com/rest/v1"}});
  CHECK(has(flags, "rest-url", "https://tunnels.example.com/rest/v1"));
  CHECK(std::none_of(
      flags.begin(), flags.end(), [](const auto& flag) { return flag.first == "region"; }));
}

TEST_CASE("what cannot be converted says what to use instead") {
  CHECK(problem({{"fast-fail-regexps", "^https?://ads/"}}).find("--deny-domains") !=
        std::string::npos);
  CHECK(problem({{"auth", "host:80:user"}}).find("host:port:user:password") != std::string::npos);
  CHECK(problem({{"se-port", "4445"}}).find("no Selenium relay") != std::string::npos);
}

TEST_CASE("flags without a meaning here are accepted and do nothing") {
  CHECK(converted({{"max-logsize", "100"}, {"ocsp", "strict"}, {"doctor", "true"}}) ==
        RunFlags{{"region", "us-west"}});
}

TEST_CASE("verbosity is counted") {
  using Words = std::vector<std::string>;
  CHECK(with_counted_verbosity({"-v", "-i", "x", "-vv"}) ==
        Words{"--verbose=1", "-i", "x", "--verbose=2"});
  CHECK(with_counted_verbosity({"--verbose", "2"}) == Words{"--verbose", "2"});
  CHECK(with_counted_verbosity({"--verbose", "--doctor"}) == Words{"--verbose=1", "--doctor"});
}

TEST_CASE("the written file is read back as the same settings") {
  const RunFlags flags = {{"username", "it's me"},
                          {"tunnel-pool", "true"},
                          {"tunnel-domains", "^a\\.b$"},
                          {"tunnel-domains", "^c$"}};
  const std::string text = config_file_text(flags);
  const auto entries = parse_config_text("settings.yaml", text);
  REQUIRE_MESSAGE(entries.ok(), text);
  REQUIRE(entries.value().size() == 3);
  CHECK(entries.value()[0].values == std::vector<std::string>{"it's me"});
  CHECK(entries.value()[1].values == std::vector<std::string>{"true"});
  CHECK(entries.value()[2].values == std::vector<std::string>{"^a\\.b$", "^c$"});
}

TEST_CASE("globs become expressions on the host") {
  CHECK(host_expression("example.com") == "^example\\.com$");
  CHECK(host_expression(".example.com") == "^.+\\.example\\.com$");
  CHECK(host_expression("a*.example.com") == "^a[^.]*\\.example\\.com$");
}
