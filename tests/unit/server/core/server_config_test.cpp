#include "server/core/server_config.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/temporary_directory.hpp"

namespace scpool::server {
namespace {

using namespace std::chrono_literals;

std::variant<ServerConfig, std::vector<Error>> load(const std::string& toml) {
  const std::string path = "sc.toml";
  auto entries = parse_config_text(path, toml);
  REQUIRE(entries.ok());
  const TemporaryDirectory directory;
  const std::string file = directory.path("sc.toml");
  directory.write("sc.toml", toml);
  SettingSources sources;
  sources.environment = [](const std::string&) { return std::nullopt; };
  sources.file = file;
  sources.ignore_key = is_array_key;
  auto settings = Settings::load(server_setting_table(), sources);
  if (auto* problems = std::get_if<std::vector<Error>>(&settings)) {
    return *problems;
  }
  return read_server_config(std::get<Settings>(settings), path, entries.value());
}

bool complains(const std::string& toml, const std::string& part) {
  const auto loaded = load(toml);
  const auto* problems = std::get_if<std::vector<Error>>(&loaded);
  if (problems == nullptr) {
    return false;
  }
  return std::any_of(problems->begin(), problems->end(), [&part](const Error& problem) {
    return problem.sentence().find(part) != std::string::npos;
  });
}

TEST_CASE("defaults, plain keys and tables in arrays") {
  const auto loaded = load(R"(
listen = "127.0.0.1:8443"
state_dir = "/var/lib/sc-server"
[times]
orphan_after = "90s"
[limits]
max_tunnels = 7
[[ingress]]
listen = "0.0.0.0:3128"
public_url = "http://proxy.test:3128"
[[ingress]]
listen = "127.0.0.1:3129"
account = "ann"
tunnel_name = "pool"
[[account]]
name = "ann"
access_key_file = "/etc/key"
[[account]]
name = "bob"
access_key_file = "/etc/key2"
max_tunnels = 3
[[region]]
name = "here"
url = "https://tunnels.test/rest/v1"
)");
  const auto* config = std::get_if<ServerConfig>(&loaded);
  REQUIRE(config != nullptr);
  CHECK(config->listen == "127.0.0.1:8443");
  CHECK(config->tunnels.orphan_after == 90s);
  CHECK(config->tunnels.drain_cap == 3h);
  CHECK(config->request_wait == 5s);
  REQUIRE(config->ingress.size() == 2);
  CHECK(config->ingress[0].asks_for_credentials());
  CHECK(config->ingress[1].tunnel_name == "pool");
  REQUIRE(config->accounts.size() == 2);
  CHECK(config->accounts[0].max_tunnels == 7);
  CHECK(config->accounts[1].max_tunnels == 3);
  CHECK(config->regions.at(0).second == "https://tunnels.test/rest/v1");
}

TEST_CASE("problems name file, line and key") {
  CHECK(complains("[[ingress]]\nlisten = \"127.0.0.1:1\"\ntunel_name = \"x\"\n",
                  "sc.toml:3: unknown key \"tunel_name\"; did you mean \"tunnel_name\"?"));
  CHECK(complains("lissten = \"x\"\n", "lissten"));
  CHECK(complains("[[account]]\nname = \"ann\"\n", "needs access_key_file"));
  CHECK(complains("[[account]]\nname = \"a:b\"\naccess_key_file = \"k\"\n", "may not contain"));
  CHECK(complains("[[ingress]]\nlisten = 5\n", "sc.toml:2: listen must be a string"));
  CHECK(complains("[[ingress]]\nexposed = 5\n", "must be true or false"));
  CHECK(complains("[[ingress]]\ntunnel_name = \"x\"\n", "without an account"));
  CHECK(complains("public_port = 70000\n", "at most 65535"));
  CHECK(complains("[limits]\ncreates_per_minute = 0\n", "at least 1"));
}

TEST_CASE("nothing without authentication listens to the world by accident") {
  const std::string open = "[[ingress]]\nlisten = \"0.0.0.0:3128\"\naccount = \"ann\"\n";
  CHECK(complains(open, "would let everybody into the tunnels of ann"));
  CHECK_FALSE(complains(open + "exposed = true\n", "would let everybody"));
  CHECK(complains("admin_listen = \"0.0.0.0:9000\"\n", "must be on loopback"));
  CHECK(is_loopback_listen("127.0.0.1:0"));
  CHECK(is_loopback_listen("[::1]:80"));
  CHECK_FALSE(is_loopback_listen(":3128"));
}

TEST_CASE("flags are settings with dashes") {
  CHECK(flag_of_setting("limits.max_tunnels") == "limits-max-tunnels");
}

}  // namespace
}  // namespace scpool::server
