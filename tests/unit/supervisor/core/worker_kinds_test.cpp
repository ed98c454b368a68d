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
  CHECK(worker_kind_names().front() == "sc-worker");
}

}  // namespace scpool::supervisor
