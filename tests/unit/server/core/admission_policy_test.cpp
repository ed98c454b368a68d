#include "server/core/admission_policy.hpp"

#include <doctest/doctest.h>

namespace scpool::server {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant{} + 1h;

// Not a hash; distinct messages stay distinct, which is all these tests need.
Bytes fake_digest(ByteView message) {
  return {message.begin(), message.end()};
}

AdmissionPolicy policy_with(const std::string& name, const std::string& key) {
  AdmissionPolicy policy(fake_digest, AdmissionLimits{});
  policy.set_accounts({{name, "aa", key_hash(fake_digest, "aa", key), 5, Account::Source::Store}});
  return policy;
}

TEST_CASE("a key is right for its own account only") {
  const AdmissionPolicy policy = policy_with("ann", "secret");
  CHECK(policy.key_is_right("ann", "secret"));
  CHECK_FALSE(policy.key_is_right("ann", "Secret"));
  CHECK_FALSE(policy.key_is_right("ann", ""));
  CHECK_FALSE(policy.key_is_right("bob", "secret"));
  CHECK(policy.account("ann")->max_tunnels == 5);
}

TEST_CASE("ten failures a minute per address, then 429; a right key always passes") {
  AdmissionPolicy policy = policy_with("ann", "secret");
  for (int failure = 0; failure < 10; ++failure) {
    CHECK(policy.judge_login(false, "10.0.0.1", kStart) == LoginVerdict::Wrong);
  }
  CHECK(policy.judge_login(false, "10.0.0.1", kStart) == LoginVerdict::TooManyFailures);
  CHECK(policy.judge_login(true, "10.0.0.1", kStart) == LoginVerdict::Welcome);
  CHECK(policy.judge_login(false, "10.0.0.2", kStart) == LoginVerdict::Wrong);
  CHECK(policy.judge_login(false, "10.0.0.1", kStart + 6s) == LoginVerdict::Wrong);
  CHECK(policy.judge_login(false, "10.0.0.1", kStart + 6s) == LoginVerdict::TooManyFailures);
}

TEST_CASE("creations and handshakes are limited evenly") {
  AdmissionPolicy policy = policy_with("ann", "secret");
  for (int creation = 0; creation < 60; ++creation) {
    CHECK(policy.may_create("ann", kStart));
  }
  CHECK_FALSE(policy.may_create("ann", kStart));
  CHECK(policy.may_create("ann", kStart + 1s));
  for (int handshake = 0; handshake < 50; ++handshake) {
    CHECK(policy.may_shake_hands("10.0.0.1", kStart));
  }
  CHECK_FALSE(policy.may_shake_hands("10.0.0.1", kStart));
  CHECK(policy.may_shake_hands("10.0.0.1", kStart + 1s));
}

TEST_CASE("addresses that are full again are forgotten") {
  RateLimit limit(1, 1min);
  for (int client = 0; client < 5000; ++client) {
    CHECK(limit.take(std::to_string(client), kStart + std::chrono::seconds{client}));
  }
  CHECK(limit.size() < 4200);
  CHECK(limit.retry_after("4999", kStart + 4999s) == 1min);
}

}  // namespace
}  // namespace scpool::server
