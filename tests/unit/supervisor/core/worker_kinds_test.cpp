#include "supervisor/core/worker_kinds.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace scpool::supervisor {
namespace {

ExitCause cause_of(int code, const char* line) {
  return classify_exit(our_worker(), {WorkerExit::How::Exited, code, 0, false}, {{line}, 0, false});
}

}  // namespace

TEST_CASE("a worker is never started without the pool flag, and never with a secret in argv") {
  const LaunchPlan plan = launch_plan(our_worker(),
                                      {{"tunnel_name", "main"}, {"user", "me"}},
                                      Secret{"s3cret"},
                                      {"--shared", "all"});
  CHECK(std::count(plan.arguments.begin(), plan.arguments.end(), "--tunnel-pool") == 1);
  CHECK(plan.arguments.front() == "run");
  CHECK(plan.arguments.back() == "all");
  for (const std::string& argument : plan.arguments) {
    CHECK(argument.find("s3cret") == std::string::npos);
    CHECK(argument.find('{') == std::string::npos);
  }
  // Facts that are not there take their flag with them.
  CHECK(std::count(plan.arguments.begin(), plan.arguments.end(), "--region") == 0);
  CHECK(plan.environment.at(1).first == "SAUCE_ACCESS_KEY");
  CHECK(plan.environment.at(1).second.reveal() == "s3cret");
  CHECK(plan.redacted_text().find("s3cret") == std::string::npos);
}

TEST_CASE("ends are read from status and last lines") {
  CHECK(cause_of(1, "create tunnel: Too many active org tunnels: 6 >= 5") == ExitCause::Quota);
  CHECK(cause_of(1, "create tunnel: 401 Unauthorized") == ExitCause::Credentials);
  CHECK(cause_of(2, "unknown flag --x") == ExitCause::Configuration);
  CHECK(cause_of(1, "listen on 127.0.0.1:80: Address already in use") == ExitCause::Port);
  CHECK(cause_of(1, "dial: connection refused") == ExitCause::Network);
  CHECK(cause_of(0, "") == ExitCause::Unasked);
  CHECK(cause_of(1, "something else") == ExitCause::Unknown);
  const WorkerExit killed{WorkerExit::How::Killed, 0, 11, true};
  CHECK(classify_exit(our_worker(), killed, {}) == ExitCause::Crash);
  CHECK(classify_exit(our_worker(), killed, {{}, 0, true}) == ExitCause::OutOfMemory);
  CHECK(classify_exit(our_worker(), {}, {}) == ExitCause::Unknown);
  CHECK(exit_text(killed) == "killed by signal 11 (core dumped)");
}

TEST_CASE("of the last lines, those that name the fatal error count alone") {
  const WorkerExit failed{WorkerExit::How::Exited, 1, 0, false};
  const Evidence evidence{{"[proxy] GET http://site/ failed: connection refused",
                           "[control] fatal error exiting: create tunnel: 401 Unauthorized"},
                          0,
                          false};
  CHECK(classify_exit(our_worker(), failed, evidence) == ExitCause::Credentials);
  const Evidence plain{{"[proxy] GET http://site/ failed: connection refused"}, 0, false};
  CHECK(classify_exit(our_worker(), failed, plain) == ExitCause::Network);
}

namespace {

const LaunchFacts kFacts = {{"tunnel_name", "main"},
                            {"user", "me"},
                            {"region", "us-west"},
                            {"rest_url", "https://api.us-west-1.saucelabs.com/rest/v1"},
                            {"own_rest_url", ""},
                            {"api_address", "127.0.0.1:4711"},
                            {"log_file", "/l/main-0.1.log"},
                            {"log_size", "1000"},
                            {"pid_file", "/r/main-0.1.pid"},
                            {"ready_file", "/r/main-0.1.ready"},
                            {"metadata", "pool_worker=ab.0.1"},
                            {"metadata_pair", "pool_worker:ab.0.1"},
                            {"proxy_localhost", "allow"},
                            {"log_level", "info"},
                            {"log_format", "text"}};

std::string line_of(std::string_view name, ProgramVersion version) {
  const auto kind = fitting_worker_kind(name, version);
  REQUIRE(kind.ok());
  const LaunchPlan plan = launch_plan(*kind.value(), kFacts, Secret{"s3cret"}, {});
  CHECK(plan.redacted_text().find("s3cret") == std::string::npos);
  std::string line = plan.program;
  for (const std::string& argument : plan.arguments) {
    line += " " + argument;
  }
  return line;
}

}  // namespace

TEST_CASE("command lines of the vendor's clients, by version") {
  CHECK(line_of("sauce-connect-5", {5, 2, 1}) ==
        "sc run --tunnel-name main --tunnel-pool --region us-west --api-address 127.0.0.1:4711 "
        "--log-file /l/main-0.1.log --proxy-localhost allow --log-level info --log-format text "
        "--metadata pool_worker=ab.0.1");
  CHECK(line_of("sauce-connect-4", {4, 9, 2}) ==
        "sc --tunnel-pool --region us-west --status-address 127.0.0.1:4711 --metadata "
        "pool_worker:ab.0.1 --output-format text --proxy-localhost -i main --logfile "
        "/l/main-0.1.log --max-logsize 1000 --pidfile /r/main-0.1.pid --readyfile "
        "/r/main-0.1.ready --se-port 0");
  CHECK(line_of("sauce-connect-4", {4, 7, 1}) ==
        "sc --tunnel-pool --region us-west --metrics-address localhost:0 --proxy-localhost -i main "
        "--logfile /l/main-0.1.log --max-logsize 1000 --pidfile /r/main-0.1.pid --readyfile "
        "/r/main-0.1.ready --se-port 0");
  CHECK(line_of("sauce-connect-4", {4, 6, 5}) ==
        "sc --no-remove-colliding-tunnels --rest-url https://api.us-west-1.saucelabs.com/rest/v1 "
        "--metrics-address localhost:0 -i main --logfile /l/main-0.1.log --max-logsize 1000 "
        "--pidfile /r/main-0.1.pid --readyfile /r/main-0.1.ready --se-port 0");
  CHECK(line_of("sauce-connect-4", {4, 3, 11}).find("--wait-tunnel-shutdown") != std::string::npos);
  CHECK(line_of("sauce-connect-4", {4, 3, 13}).find("--wait-tunnel-shutdown") == std::string::npos);
}

TEST_CASE("what a version cannot do is not asked of it") {
  CHECK(fitting_worker_kind("sauce-connect-5", {5, 0, 1}).value()->reopen_signal == 0);
  CHECK(fitting_worker_kind("sauce-connect-5", {5, 1, 2}).value()->reopen_signal == 1);
  CHECK(fitting_worker_kind("sauce-connect-4", {4, 9, 2}).value()->readiness ==
        ReadinessSource::LocalApi);
  CHECK(fitting_worker_kind("sauce-connect-4", {4, 7, 9}).value()->readiness ==
        ReadinessSource::ReadyFile);
  const auto old = fitting_worker_kind("sauce-connect-4", {4, 2, 9});
  REQUIRE_FALSE(old.ok());
  CHECK(old.error().sentence().find("install 4.3.0 or newer") != std::string::npos);
  const auto fresh = fitting_worker_kind("sauce-connect-4", {5, 2, 0});
  REQUIRE_FALSE(fresh.ok());
  CHECK(fresh.error().sentence().find("\"sauce-connect-5\"") != std::string::npos);
}

TEST_CASE("ends of the vendor's clients") {
  const WorkerKind& five = *find_worker_kind("sauce-connect-5");
  const WorkerKind& four = *find_worker_kind("sauce-connect-4");
  const auto cause = [](const WorkerKind& kind, int code, const char* line) {
    return classify_exit(kind, {WorkerExit::How::Exited, code, 0, false}, {{line}, 0, false});
  };
  CHECK(cause(five, 1, "fatal error exiting: create tunnel: Too many active org tunnels: 6 >= 5") ==
        ExitCause::Quota);
  CHECK(cause(five, 1, "Error: required flag(s) \"region\" not set") == ExitCause::Configuration);
  CHECK(cause(five, 1, "fatal error exiting: listen tcp: bind: address already in use") ==
        ExitCause::Port);
  CHECK(cause(five, 0, "") == ExitCause::Unasked);
  CHECK(cause(four, 8, "") == ExitCause::Unasked);
  CHECK(cause(four, 1, "Error creating pidfile /r/x.pid: resource temporarily unavailable") ==
        ExitCause::Port);
  CHECK(cause(four, 1, "something else") == ExitCause::Unknown);
}

TEST_CASE("the mark on a tunnel names instance and worker") {
  const std::string mark = instance_mark("ab12", {{2}, {17}});
  CHECK(mark == "pool_worker=ab12.2.17");
  CHECK(marked_worker("ab12", "ab12.2.17") == WorkerId{{2}, {17}});
  CHECK_FALSE(marked_worker("ab13", "ab12.2.17"));
  CHECK_FALSE(marked_worker("ab12", "ab12.2"));
  CHECK_FALSE(marked_worker("", ".2.17"));
}

TEST_CASE("kinds are found by name") {
  CHECK(find_worker_kind("sc-worker") == &our_worker());
  CHECK(find_worker_kind("other") == nullptr);
  CHECK(worker_kind_names() ==
        std::vector<std::string>{"sc-worker", "sauce-connect-5", "sauce-connect-4"});
  CHECK(find_worker_kind("sauce-connect-4", {4, 6, 0})->since == ProgramVersion{4, 6, 0});
  CHECK(find_worker_kind("sauce-connect-4", {4, 6, 1}) == nullptr);
}

}  // namespace scpool::supervisor
