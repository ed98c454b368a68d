#include "server/core/suspension_policy.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::server;
using namespace std::chrono_literals;

namespace {

Instant at(Duration after) {
  return Instant{} + after;
}

}  // namespace

TEST_CASE("within the limits nothing is given up") {
  const std::vector<SuspendedSession> sessions = {{"a", at(1s), 50}, {"a", at(2s), 50}};
  CHECK(sessions_to_end({}, {2, 100}).empty());
  CHECK(sessions_to_end(sessions, {2, 100}).empty());
}

TEST_CASE("of a tunnel with too many the oldest goes; another tunnel is not touched") {
  const std::vector<SuspendedSession> sessions = {
      {"a", at(3s), 1}, {"a", at(1s), 1}, {"b", at(0s), 1}, {"a", at(2s), 1}};
  CHECK(sessions_to_end(sessions, {2, 100}) == std::vector<std::size_t>{1});
}

TEST_CASE("over the memory the oldest go first, whosever they are") {
  const std::vector<SuspendedSession> sessions = {
      {"a", at(1s), 60}, {"b", at(2s), 30}, {"c", at(3s), 40}, {"d", at(0s), 20}};
  CHECK(sessions_to_end(sessions, {16, 100}) == std::vector<std::size_t>{0});
  CHECK(sessions_to_end(sessions, {16, 80}) == std::vector<std::size_t>{0, 3});
}
