// Programs of one process that make room for each other, and the ways back.
#include "supervisor/io/program_exchange.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

namespace {

// "PID begins" and what the one prints that is there at the end, without its pid when it is the
// same process.
std::string outcome(const std::string& way) {
  FILE* output = popen((std::string(SCPOOL_EXCHANGE_PROBE) + " " + way).c_str(), "r");
  REQUIRE(output != nullptr);
  int first = 0;
  int last = 0;
  char text[512] = {};
  const int read = std::fscanf(output, "%d begins %d %511[^\n]", &first, &last, text);
  CHECK(pclose(output) == 0);
  CHECK(read == 3);
  return first == last ? text : "another process: " + std::string(text);
}

}  // namespace

TEST_CASE("the new program goes on in the same process, with a guard until it has confirmed") {
  CHECK(outcome("confirm") == "confirmed");
}

TEST_CASE(
    "a new program that crashes, hangs or gives up is followed by the old one, same process") {
  CHECK(outcome("give-back") == "it is not willing");
  CHECK(outcome("exit") == "it ended before it had confirmed");
  CHECK(outcome("crash") == "it crashed (SIGSEGV) before it had confirmed");
  CHECK(outcome("abort") == "it aborted (SIGABRT) before it had confirmed");
  CHECK(outcome("hang") == "it did not confirm in time");
}
