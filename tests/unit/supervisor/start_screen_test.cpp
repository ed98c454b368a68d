#include "supervisor/start_screen.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>

using namespace scpool::supervisor;

namespace {

// What the screen printed for one look at a pool of one vacant slot.
std::string shown(const VacantSlotSnapshot& vacant) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  Terminal terminal(ends[1]);
  StartScreen screen(terminal, "sc-pool");
  PoolSnapshot pool;
  pool.size = 1;
  pool.vacant.push_back(vacant);
  screen.show(pool);
  screen.show(pool);
  close(ends[1]);
  std::array<char, 256> buffer{};
  const ssize_t count = read(ends[0], buffer.data(), buffer.size());
  close(ends[0]);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)));
}

}  // namespace

TEST_CASE("a worker that fails to come up is shown once, with its cause") {
  VacantSlotSnapshot vacant;
  vacant.last_cause = ExitCause::Credentials;
  vacant.last_lines = {"401 Unauthorized"};
  vacant.failures = 3;
  vacant.new_failures = 1;
  CHECK(shown(vacant) == "  ✗ worker 0  credentials: 401 Unauthorized\n");
}

TEST_CASE("what failed before this start is not shown as its failure") {
  VacantSlotSnapshot vacant;
  vacant.last_cause = ExitCause::Unknown;
  vacant.failures = 3;
  CHECK(shown(vacant).empty());
}
