#include "worker/core/exit_cause.hpp"

#include <doctest/doctest.h>

namespace scpool::worker {
namespace {

TEST_CASE("the older client's status tells an end from elsewhere") {
  CHECK(legacy_exit_code(ExitClass::Remote) == 8);
  CHECK(legacy_exit_code(ExitClass::Quota) == exit_code(ExitClass::Quota));
  CHECK(exit_code(ExitClass::Remote) == 1);
}

TEST_CASE("what can heal is tried again, what cannot is not") {
  CHECK(is_transient({.status = 0, .kind = ErrorKind::Unreachable}));
  CHECK(is_transient({.status = 0, .kind = ErrorKind::TimedOut}));
  CHECK_FALSE(is_transient({.status = 0, .kind = ErrorKind::Denied}));
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    CHECK(is_transient({.status = status}));
  }
  for (const int status : {400, 401, 403, 404, 409, 410}) {
    CHECK_FALSE(is_transient({.status = status}));
  }
}

TEST_CASE("each refusal has its class and its sentence") {
  ExitCause cause = cause_of("create tunnel", {.status = 401, .sentence = "no"}, "max");
  CHECK(cause.exit_class == ExitClass::Credentials);
  CHECK(cause.sentence ==
        "credentials refused: the server does not accept the access key of user \"max\"; check "
        "--username and --access-key");

  cause = cause_of(
      "create tunnel", {.status = 400, .sentence = "Too many active org tunnels: 6 >= 5"}, "max");
  CHECK(cause.exit_class == ExitClass::Quota);
  CHECK(cause.sentence == "create tunnel: Too many active org tunnels: 6 >= 5");

  cause = cause_of("create tunnel", {.status = 400, .sentence = "no such protocol"}, "max");
  CHECK(cause.exit_class == ExitClass::Server);

  cause = cause_of(
      "check for updates", {.kind = ErrorKind::Unreachable, .sentence = "https://x: refused"}, "");
  CHECK(cause.exit_class == ExitClass::Network);
  CHECK(cause.sentence == "server not reachable: https://x: refused");

  cause = cause_of("check for updates", {.kind = ErrorKind::Denied, .sentence = "self-signed"}, "");
  CHECK(cause.exit_class == ExitClass::Trust);
}

TEST_CASE("only a clean end is 0, usage is 2, all else is 1") {
  CHECK(exit_code(ExitClass::Clean) == 0);
  CHECK(exit_code(ExitClass::Usage) == 2);
  for (const ExitClass each : {ExitClass::Credentials,
                               ExitClass::Quota,
                               ExitClass::Network,
                               ExitClass::Trust,
                               ExitClass::Server,
                               ExitClass::Remote,
                               ExitClass::Port,
                               ExitClass::Local}) {
    CHECK(exit_code(each) == 1);
  }
}

}  // namespace
}  // namespace scpool::worker
