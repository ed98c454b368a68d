#include "server/core/retry_policy.hpp"

#include <doctest/doctest.h>

namespace scpool::server {
namespace {

using namespace std::chrono_literals;

const TunnelId kTunnel{"t"};
const Instant kStart = Instant{} + 1h;

FailedAttempt attempt(std::string_view method, FailurePoint point, std::uint32_t retries = 0) {
  FailedAttempt one;
  one.method = method;
  one.point = point;
  one.body_replayable = true;
  one.retries_done = retries;
  return one;
}

TEST_CASE("what was never processed is retried with any method: same tunnel, then a mate") {
  RetryPolicy policy;
  for (const FailurePoint point : {FailurePoint::NeverSent, FailurePoint::Refused}) {
    for (const std::string_view method : {"GET", "POST", "PATCH", "CONNECT"}) {
      RetryPolicy fresh;
      CHECK(fresh.decide(kTunnel, attempt(method, point), kStart).decision ==
            RetryDecision::SameTunnel);
      CHECK(fresh.decide(kTunnel, attempt(method, point, 1), kStart).decision ==
            RetryDecision::PoolMate);
      CHECK(fresh.decide(kTunnel, attempt(method, point, 2), kStart).refusal ==
            RetryRefusal::TooMany);
    }
  }
}

TEST_CASE("what may have been processed is retried once, at a mate, if idempotent") {
  RetryPolicy policy;
  for (const std::string_view method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    RetryPolicy fresh;
    CHECK(fresh.decide(kTunnel, attempt(method, FailurePoint::Lost), kStart).decision ==
          RetryDecision::PoolMate);
    CHECK(fresh.decide(kTunnel, attempt(method, FailurePoint::Lost, 1), kStart).refusal ==
          RetryRefusal::TooMany);
  }
  for (const std::string_view method : {"POST", "PATCH", "get"}) {
    CHECK(policy.decide(kTunnel, attempt(method, FailurePoint::Lost), kStart).refusal ==
          RetryRefusal::NotIdempotent);
  }
}

TEST_CASE("a CONNECT that has no answer yet is retried like one that was never sent") {
  RetryPolicy policy;
  CHECK(policy.decide(kTunnel, attempt("CONNECT", FailurePoint::Lost), kStart).decision ==
        RetryDecision::PoolMate);
  CHECK(policy.decide(kTunnel, attempt("CONNECT", FailurePoint::Lost, 1), kStart).decision ==
        RetryDecision::PoolMate);
  CHECK(policy.decide(kTunnel, attempt("CONNECT", FailurePoint::Lost, 2), kStart).refusal ==
        RetryRefusal::TooMany);
}

TEST_CASE("nothing is retried once the response started or the body is gone") {
  RetryPolicy policy;
  FailedAttempt started = attempt("GET", FailurePoint::Refused);
  started.response_started = true;
  CHECK(policy.decide(kTunnel, started, kStart).refusal == RetryRefusal::Started);
  FailedAttempt gone = attempt("PUT", FailurePoint::Refused);
  gone.body_replayable = false;
  CHECK(policy.decide(kTunnel, gone, kStart).refusal == RetryRefusal::BodyGone);
}

TEST_CASE("the budget: a fifth of the requests of ten seconds, a hundred at least, per tunnel") {
  RetryPolicy policy;
  const FailedAttempt refused = attempt("GET", FailurePoint::Refused);
  for (int retry = 0; retry < 100; ++retry) {
    CHECK(policy.decide(kTunnel, refused, kStart).decision == RetryDecision::SameTunnel);
  }
  CHECK(policy.decide(kTunnel, refused, kStart + 1s).refusal == RetryRefusal::Budget);
  CHECK(policy.decide(TunnelId{"other"}, refused, kStart + 1s).decision ==
        RetryDecision::SameTunnel);
  for (int request = 0; request < 1000; ++request) {
    policy.request_started(kTunnel, kStart + 2s);
  }
  for (int retry = 0; retry < 100; ++retry) {
    CHECK(policy.decide(kTunnel, refused, kStart + 2s).decision == RetryDecision::SameTunnel);
  }
  CHECK(policy.decide(kTunnel, refused, kStart + 2s).refusal == RetryRefusal::Budget);
  // The first ten seconds are out of sight.
  CHECK(policy.decide(kTunnel, refused, kStart + 10s).decision == RetryDecision::SameTunnel);
  CHECK(policy.decide(kTunnel, refused, kStart + 30s).decision == RetryDecision::SameTunnel);
}

}  // namespace
}  // namespace scpool::server
