// A program that makes room for itself, for the test of program_exchange. `exchange_probe WAY`
// executes itself; the second one ends as WAY (or EXCHANGE_PROBE_WAY) says: confirm, give-back,
// crash, abort, exit, hang.
// Whoever is there at the end prints "PID WHY", or "PID confirmed".
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "supervisor/io/program_exchange.hpp"

using namespace scpool::supervisor;

namespace {

int make_room() {
  ExchangePlan plan;
  plan.program = "/proc/self/exe";
  plan.words = own_words();
  plan.environment = own_environment();
  plan.handover_file = "a file";
  plan.limit = std::chrono::milliseconds{1000};
  auto exchange = ProgramExchange::prepare(std::move(plan));
  if (!exchange) {
    std::printf("%s\n", exchange.error().sentence().c_str());
    return 2;
  }
  std::printf("%d begins\n", getpid());
  std::fflush(stdout);
  std::printf("%s\n", exchange.value().execute().sentence().c_str());
  return 3;
}

void end_as(const std::string& way) {
  if (way == "crash") {
    raise(SIGSEGV);
  } else if (way == "abort") {
    raise(SIGABRT);
  } else if (way == "give-back") {
    give_back("it is not willing");
  } else if (way == "hang") {
    while (true) {
      pause();
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  accept_exchange();
  const char* wish = std::getenv("EXCHANGE_PROBE_WAY");
  const std::string way = wish != nullptr ? wish : count > 1 ? arguments[1] : "";
  const auto state = exchanged();
  if (!state) {
    return make_room();
  }
  if (state->why_back.empty()) {
    end_as(way);
    if (way == "exit") {
      give_back("it ended before it had confirmed");
      return 4;
    }
  }
  sigset_t held;
  pthread_sigmask(SIG_SETMASK, nullptr, &held);
  const bool term_held = sigismember(&held, SIGTERM) == 1;
  release_signals();
  const std::string why = state->why_back;
  const bool guarded = waitpid(-1, nullptr, WNOHANG) == 0;
  confirm_exchange();
  const bool guard_went = waitpid(-1, nullptr, 0) > 0;
  std::printf("%d %s%s%s%s\n",
              getpid(),
              why.empty() ? "confirmed" : why.c_str(),
              term_held && state->handover_file == "a file" ? "" : " (without signals held)",
              guarded && guard_went ? "" : " (without a guard)",
              exchanged() ? " (not over)" : "");
  return 0;
}
