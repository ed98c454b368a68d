#include "tests/simulation/pool_rules.hpp"

#include <doctest/doctest.h>

#include "tests/simulation/simulated_pool.hpp"

namespace scpool::simulation {

TEST_CASE("every rule is put to the test, and holds") {
  RuleCounts tested{};
  constexpr std::uint64_t kSeeds = 24;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulationReport report = simulate_pool({seed, 7 * 24h, nullptr});
    CHECK_MESSAGE(report.failure.empty(), "seed " << seed << ": " << report.failure);
    for (std::size_t i = 0; i < kRules; ++i) {
      tested.at(i) += report.tested.at(i);
    }
  }
  for (std::size_t i = 0; i < kRules; ++i) {
    CHECK_MESSAGE(tested.at(i) > 0, "rule " << i + 1 << ": " << kRuleSentences.at(i));
  }
}

}  // namespace scpool::simulation
