#include "supervisor/core/directories.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace scpool;
using namespace scpool::supervisor;

namespace {

EnvironmentLookup environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::optional<std::string>{} : found->second;
  };
}

}  // namespace

TEST_CASE("root's pools live in the system's directories") {
  const auto found = find_pool_directories("web", 0, environment({{"HOME", "/root"}}));
  REQUIRE(found.ok());
  CHECK(found.value().runtime == "/run/sc-pool/web");
  CHECK(found.value().state == "/var/lib/sc-pool/web");
  CHECK(found.value().logs == "/var/log/sc-pool/web");
  CHECK(found.value().credentials.empty());
  CHECK(control_socket_path(found.value()) == "/run/sc-pool/web/control.sock");
}

TEST_CASE("a user's pools live in XDG directories, with the specification's defaults") {
  const auto given = find_pool_directories(
      "web", 1000, environment({{"XDG_RUNTIME_DIR", "/run/user/1000"}, {"XDG_STATE_HOME", "/s"}}));
  REQUIRE(given.ok());
  CHECK(given.value().runtime == "/run/user/1000/sc-pool/web");
  CHECK(given.value().state == "/s/sc-pool/web");
  CHECK(given.value().logs == "/s/sc-pool/web/log");

  const auto bare = find_pool_directories("web", 1000, environment({{"HOME", "/home/u"}}));
  REQUIRE(bare.ok());
  CHECK(bare.value().runtime == "/tmp/sc-pool-1000/web");
  CHECK(bare.value().state == "/home/u/.local/state/sc-pool/web");

  const auto relative = find_pool_directories(
      "web", 1000, environment({{"HOME", "/home/u"}, {"XDG_STATE_HOME", "relative"}}));
  CHECK(relative.value().state == "/home/u/.local/state/sc-pool/web");
}

TEST_CASE("systemd's directories are used as they are, the first of a list") {
  const auto variables = environment({{"RUNTIME_DIRECTORY", "/run/sc-pool/a:/run/other"},
                                      {"STATE_DIRECTORY", "/var/lib/x"},
                                      {"LOGS_DIRECTORY", "/var/log/x"},
                                      {"CREDENTIALS_DIRECTORY", "/run/credentials/x"}});
  const auto found = find_pool_directories("a", 1000, variables);
  REQUIRE(found.ok());
  CHECK(found.value().runtime == "/run/sc-pool/a");
  CHECK(found.value().state == "/var/lib/x");
  CHECK(found.value().logs == "/var/log/x");
  CHECK(found.value().credentials == "/run/credentials/x");
  CHECK(runtime_base(1000, variables).empty());
}

TEST_CASE("what cannot be a place is refused with the mend") {
  CHECK(find_pool_directories("web", 1000, environment({})).error().sentence().find("HOME") !=
        std::string::npos);
  for (const char* name : {"", "a/b", "..", ".hidden", "-x", "a b", "\n"}) {
    CAPTURE(name);
    CHECK_FALSE(is_pool_name(name));
    CHECK(find_pool_directories(name, 0, environment({})).error().kind() == ErrorKind::Invalid);
  }
  CHECK(is_pool_name("_A.b-9"));
  CHECK(is_pool_name(std::string(64, 'a')));
  CHECK_FALSE(is_pool_name(std::string(65, 'a')));
}
