#include <doctest/doctest.h>

#include <set>

#include "worker/core/worker_config.hpp"

using namespace scpool;
using namespace scpool::worker;

TEST_CASE("every documented flag is there with its short form") {
  const FlagTable table = worker_flag_table();
  const std::vector<std::pair<char, const char*>> shorts = {{'u', "username"},
                                                            {'k', "access-key"},
                                                            {'r', "region"},
                                                            {'i', "tunnel-name"},
                                                            {'t', "tunnel-pool"},
                                                            {'s', "shared"},
                                                            {'M', "metadata"},
                                                            {'F', "deny-domains"},
                                                            {'D', "direct-domains"},
                                                            {'T', "tunnel-domains"},
                                                            {'B', "tls-passthrough-domains"},
                                                            {'b', "tls-resign-domains"},
                                                            {'a', "auth"},
                                                            {'H', "header"},
                                                            {'p', "pac"},
                                                            {'x', "proxy"},
                                                            {'n', "dns-server"},
                                                            {'c', "config-file"}};
  for (const auto& [letter, name] : shorts) {
    CAPTURE(name);
    REQUIRE(table.find_short(letter) != nullptr);
    CHECK(table.find_short(letter)->name == name);
  }
  for (const char* name : {"rest-url",
                           "tunnel-connections",
                           "tunnel-max-concurrent-streams",
                           "proxy-localhost",
                           "cacert-file",
                           "http-dial-timeout",
                           "http-dial-attempts",
                           "http-dial-backoff",
                           "http-idle-conn-timeout",
                           "http-response-header-timeout",
                           "http-tls-handshake-timeout",
                           "api-address",
                           "api-basic-auth",
                           "api-idle-timeout",
                           "log-file",
                           "log-format",
                           "log-http",
                           "log-level",
                           "pidfile",
                           "readyfile"}) {
    CAPTURE(name);
    REQUIRE(table.find(name) != nullptr);
    CHECK(table.find(name)->not_supported.empty());
  }
}

TEST_CASE("no short form stands for two flags") {
  std::set<char> seen;
  const FlagTable table = worker_flag_table();
  for (const SettingSpec& spec : table.specs()) {
    if (spec.short_name != '\0') {
      CHECK(seen.insert(spec.short_name).second);
    }
  }
}

TEST_CASE("variables follow the rule") {
  const FlagTable table = worker_flag_table();
  CHECK(table.environment_name(*table.find("access-key")) == "SAUCE_ACCESS_KEY");
  CHECK(table.environment_name(*table.find("http-idle-conn-timeout")) ==
        "SAUCE_HTTP_IDLE_CONN_TIMEOUT");
}

TEST_CASE("what documentation hides is secret") {
  const FlagTable table = worker_flag_table();
  for (const char* name : {"username", "access-key", "auth", "header", "api-basic-auth"}) {
    CHECK(table.find(name)->secret);
  }
}

TEST_CASE("features that are not there are refused by name") {
  const FlagTable table = worker_flag_table();
  for (const char* name : {"pac",
                           "proxy",
                           "proxy-sauce",
                           "dns-server",
                           "dns-timeout",
                           "dns-round-robin",
                           "kerberos-cfg-file",
                           "kerberos-enabled-hosts",
                           "debug-address",
                           "http-tls-keylog-file",
                           "tunnel-tls-keylog-file"}) {
    CAPTURE(name);
    REQUIRE(table.find(name) != nullptr);
    CHECK(table.find(name)->not_supported == "not supported yet");
    SettingSources sources;
    sources.flags = {{name, "true"}};
    const auto loaded = Settings::load(table, sources);
    const auto* problems = std::get_if<std::vector<Error>>(&loaded);
    REQUIRE(problems != nullptr);
    CHECK(problems->front().sentence() == "--" + std::string(name) + " is not supported yet");
  }
}
