// pool_simulation --seeds N --days D --seed S --jobs J --keep FILE: runs the simulated pool and
// says how many pool-years held every rule. A failing seed is run again with its trace on standard
// output and added to FILE; the seeds in FILE are tried first. Exit code 1 when a rule was broken.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/text.hpp"
#include "tests/simulation/simulated_pool.hpp"

namespace {

using namespace scpool;
using namespace scpool::simulation;

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t days = 7;
  std::uint64_t first = 1;
  std::uint64_t jobs = std::max(1U, std::thread::hardware_concurrency());
  std::string keep;
};

bool parse(const std::vector<std::string>& words, Options& options) {
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& name = words[i];
    if (name == "--keep") {
      options.keep = words[i + 1];
      continue;
    }
    const auto number = parse_number(words[i + 1]);
    if (!number) {
      return false;
    }
    if (name == "--seeds") {
      options.seeds = *number;
    } else if (name == "--days") {
      options.days = std::max<std::uint64_t>(1, *number);
    } else if (name == "--seed") {
      options.first = *number;
    } else if (name == "--jobs") {
      options.jobs = std::max<std::uint64_t>(1, *number);
    } else {
      return false;
    }
  }
  return words.size() % 2 == 0;
}

struct Total {
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  std::vector<std::uint64_t> failed;
  std::vector<std::string> failures;
  SimulationReport sum;
};

void work(const Options& options, const std::vector<std::uint64_t>& seeds, Total& total) {
  while (true) {
    const std::uint64_t index = total.next++;
    if (index >= seeds.size()) {
      return;
    }
    const SimulationReport report =
        simulate_pool({seeds[index], std::chrono::hours{24 * options.days}, nullptr});
    const std::lock_guard lock(total.mutex);
    total.sum.events += report.events;
    total.sum.starts += report.starts;
    total.sum.faults += report.faults;
    total.sum.supervisor_deaths += report.supervisor_deaths;
    total.sum.upgrades += report.upgrades;
    for (std::size_t i = 0; i < kRules; ++i) {
      total.sum.tested.at(i) += report.tested.at(i);
    }
    total.sum.rollouts_done += report.rollouts_done;
    total.sum.rollouts_stopped += report.rollouts_stopped;
    total.sum.slowest_recovery = std::max(total.sum.slowest_recovery, report.slowest_recovery);
    if (!report.failure.empty()) {
      total.failed.push_back(seeds[index]);
      total.failures.push_back("seed " + std::to_string(seeds[index]) + ": " + report.failure);
    }
  }
}

// The whole trace goes to a file; its end is shown.
void show_trace(const Options& options, std::uint64_t seed) {
  std::ostringstream trace;
  const SimulationReport report =
      simulate_pool({seed, std::chrono::hours{24 * options.days}, &trace});
  const std::string path = "pool_simulation." + std::to_string(seed) + ".trace";
  std::ofstream(path) << trace.str();
  const std::string text = trace.str();
  constexpr std::size_t kShown = 6000;
  std::cout << "seed " << seed << " failed: " << report.failure << " at "
            << duration_text(report.failed_at - Instant{1h}) << "; its trace is in " << path << "\n"
            << text.substr(text.size() - std::min(text.size(), kShown)) << "\n";
  if (!options.keep.empty()) {
    std::ofstream(options.keep, std::ios::app) << seed << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse({argv + 1, argv + argc}, options)) {
    std::cerr << "usage: pool_simulation [--seeds N] [--days D] [--seed FIRST] [--jobs J] "
                 "[--keep FILE]\n";
    return 2;
  }
  std::vector<std::uint64_t> seeds;
  std::ifstream kept(options.keep);
  for (std::uint64_t seed = 0; kept >> seed;) {
    seeds.push_back(seed);
  }
  kept.close();
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    seeds.push_back(options.first + i);
  }
  Total total;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < options.jobs; ++i) {
    threads.emplace_back([&] { work(options, seeds, total); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double years =
      static_cast<double>(seeds.size()) * static_cast<double>(options.days) / 365.25;
  std::cout << seeds.size() << " seeds of " << options.days << " days (" << years
            << " pool-years): " << total.sum.events << " events, " << total.sum.faults
            << " faults, " << total.sum.starts << " starts, " << total.sum.supervisor_deaths
            << " supervisor deaths, " << total.sum.upgrades << " upgrades, "
            << total.sum.rollouts_done << " rollouts done, " << total.sum.rollouts_stopped
            << " stopped, slowest recovery "
            << duration_text(std::chrono::floor<std::chrono::seconds>(total.sum.slowest_recovery))
            << ", " << total.failed.size() << " failed\n";
  for (std::size_t i = 0; i < kRules; ++i) {
    std::cout << "rule " << i + 1 << ", tested " << total.sum.tested.at(i)
              << " times: " << kRuleSentences.at(i) << "\n";
  }
  constexpr std::size_t kListed = 40;
  for (std::size_t i = 0; i < std::min(kListed, total.failures.size()); ++i) {
    std::cout << total.failures[i] << "\n";
  }
  std::sort(total.failed.begin(), total.failed.end());
  for (std::size_t i = 0; i < std::min<std::size_t>(3, total.failed.size()); ++i) {
    show_trace(options, total.failed[i]);
  }
  return total.failed.empty() ? 0 : 1;
}
