#include "supervisor/core/pool_config.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>

namespace scpool::supervisor {
namespace {

using Outcome = std::variant<PoolConfig, std::vector<Error>>;

Outcome read(std::vector<std::pair<std::string, std::string>> flags,
             PoolMode mode = PoolMode::Local) {
  SettingSources sources;
  sources.flags = std::move(flags);
  sources.environment = [](const std::string& /*name*/) { return std::optional<std::string>(); };
  auto loaded = Settings::load(pool_setting_table(), sources);
  if (auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    return *problems;
  }
  return read_pool_config(std::get<Settings>(loaded), mode);
}

std::vector<std::string> problems_of(const Outcome& outcome) {
  std::vector<std::string> sentences;
  if (const auto* problems = std::get_if<std::vector<Error>>(&outcome)) {
    for (const Error& problem : *problems) {
      sentences.push_back(problem.sentence());
    }
  }
  return sentences;
}

bool mentions(const std::vector<std::string>& sentences, std::string_view text) {
  return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
    return sentence.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("the defaults of the keys are those of the policy") {
  const Outcome outcome = read({});
  REQUIRE(std::holds_alternative<PoolConfig>(outcome));
  const PoolConfig& config = std::get<PoolConfig>(outcome);
  const PoolPolicy policy;
  CHECK(config.policy.size == policy.size);
  CHECK(config.policy.max_surge == policy.max_surge);
  CHECK(config.policy.max_unavailable == policy.max_unavailable);
  CHECK(config.policy.start_timeout == policy.start_timeout);
  CHECK(config.policy.min_ready_time == policy.min_ready_time);
  CHECK(config.policy.canary_time == policy.canary_time);
  CHECK(config.policy.progress_deadline == policy.progress_deadline);
  CHECK(config.policy.max_age == policy.max_age);
  CHECK(config.policy.drain_timeout == policy.drain_timeout);
  CHECK(config.policy.stop_grace == policy.stop_grace);
  CHECK(config.policy.probe_period == policy.probe_period);
  CHECK(config.policy.probe_timeout == policy.probe_timeout);
  CHECK(config.policy.silent_probes == policy.silent_probes);
  CHECK(config.policy.unready_tolerance == policy.unready_tolerance);
  CHECK(config.policy.rest_period == policy.rest_period);
  CHECK(config.policy.rest_timeout == policy.rest_timeout);
  CHECK(config.policy.backoff.first_limit == policy.backoff.first_limit);
  CHECK(config.policy.backoff.base == policy.backoff.base);
  CHECK(config.policy.backoff.cap == policy.backoff.cap);
  CHECK(config.policy.slow_retry == policy.slow_retry);
  CHECK(config.policy.stable_after == policy.stable_after);
  CHECK(config.tunnel_name == config.name);
  CHECK(config.control.api_address == "127.0.0.1:8032");
}

TEST_CASE("impossible values are all found at once, with the mend") {
  const std::vector<std::string> problems =
      problems_of(read({{"pool.size", "0"},
                        {"pool.max_surge", "0"},
                        {"pool.name", "a/b"},
                        {"health.silent_probes", "0"},
                        {"worker.arguments", "--access-key=x"},
                        {"worker.environment", "novalue"}}));
  CHECK(problems.size() >= 6);
  CHECK(mentions(problems, "pool.size"));
  CHECK(mentions(problems, "nothing could ever be replaced"));
  CHECK(mentions(problems, "pool.name"));
  CHECK(mentions(problems, "silent_probes"));
  CHECK(mentions(problems, "secret in the process list"));
  CHECK(mentions(problems, "NAME=value"));
}

TEST_CASE("the vendor's clients: what they cannot do is found before they are started") {
  const auto problems = [](std::vector<std::pair<std::string, std::string>> flags, PoolMode mode) {
    flags.emplace_back("worker.kind", "sauce-connect-5");
    return problems_of(read(std::move(flags), mode));
  };
  CHECK(mentions(problems({}, PoolMode::Local), "cannot use the server of --local"));
  const auto long_drain = problems({{"pool.drain_timeout", "10m"}}, PoolMode::Cloud);
  CHECK(mentions(long_drain, "pool.drain_timeout: at most 5m with sauce-connect-5"));
  CHECK(mentions(problems({{"worker.arguments", "--api-basic-auth=a:b"}}, PoolMode::Cloud),
                 "secret in the process list"));
  CHECK(mentions(problems({{"worker.arguments", "--region=us-east"}}, PoolMode::Cloud),
                 "given to each worker by the pool itself"));
}

TEST_CASE("regions of the cloud, by either name; others need their address") {
  const auto with_region = [](const char* region) {
    return problems_of(read({{"account.region", region}}, PoolMode::Cloud));
  };
  CHECK_FALSE(mentions(with_region("us-west"), "account.region"));
  CHECK_FALSE(mentions(with_region("eu-central-1"), "account.region"));
  CHECK(mentions(with_region("moon"), "one of us-west, us-east, eu-central, asia-south-2"));
  CHECK_FALSE(mentions(problems_of(read({{"account.region", "moon"},
                                         {"account.rest_url", "https://moon.example.com/rest/v1"}},
                                        PoolMode::Cloud)),
                       "account.region"));
}

TEST_CASE("in the cloud an account is needed, and its key stays out of the file") {
  const std::vector<std::string> problems = problems_of(read({}, PoolMode::Cloud));
  CHECK(mentions(problems, "SAUCE_USERNAME"));
  CHECK(mentions(problems, "SAUCE_ACCESS_KEY"));
  CHECK(mentions(problems, "account.region"));
  const Outcome good = read({{"account.user", "me"},
                             {"account.access_key_file", "/etc/key"},
                             {"account.rest_url", "https://tunnels.test/rest/v1"}},
                            PoolMode::Cloud);
  CHECK(std::holds_alternative<PoolConfig>(good));
}

TEST_CASE("only what a running worker was started with makes it out of date") {
  PoolConfig config = std::get<PoolConfig>(read({}));
  const ConfigHash before = config.worker_hash(Secret("key"), "");
  CHECK(before.value != 0);
  config.policy.size = 9;
  config.log.keep = 1;
  CHECK(config.worker_hash(Secret("key"), "") == before);
  CHECK(config.worker_hash(Secret("another"), "") != before);
  CHECK(config.worker_hash(Secret("key"), "another file") != before);
  config.worker.arguments.emplace_back("--tunnel-connections=2");
  CHECK(config.worker_hash(Secret("key"), "") != before);
}

}  // namespace scpool::supervisor
