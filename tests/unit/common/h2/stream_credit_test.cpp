#include "common/h2/stream_credit.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "common/base/limits.hpp"

using namespace scpool;
using namespace std::chrono_literals;

TEST_CASE("a window used up within a round trip doubles up to the limit") {
  StreamCredit credit(limits::kInitialStreamWindow);
  Instant now{};
  for (int step = 0; step < 20; ++step) {
    now += 1s;
    if (const auto window = credit.consumed(credit.window(), now, 100ms)) {
      CHECK(*window == credit.window() * 2);
      credit.grow(*window);
    }
  }
  CHECK(credit.window() == limits::kMaxStreamWindow);
}

TEST_CASE("a slow stream, or an unknown round trip, keeps its window") {
  StreamCredit slow(1'000'000);
  StreamCredit unknown(1'000'000);
  Instant now{};
  for (int step = 0; step < 1000; ++step) {
    now += 10ms;
    CHECK_FALSE(slow.consumed(60'000, now, 100ms).has_value());  // 600,000 to 660,000 a round trip
    CHECK_FALSE(unknown.consumed(1'000'000, now, Duration::zero()).has_value());
  }
}

TEST_CASE("small pieces within a round trip add up") {
  StreamCredit credit(1'000'000);
  const Instant now{5s};
  int pieces = 0;
  while (!credit.consumed(1000, now, 100ms).has_value()) {
    ++pieces;
  }
  CHECK(pieces == 666);
}

TEST_CASE("who was silent comes first once, then all take turns") {
  SendOrder order;
  const StreamId a{1};
  const StreamId b{3};
  const StreamId c{5};
  order.add(a);
  order.add(b);
  CHECK(order.next() == a);
  order.add_behind(a);
  CHECK(order.next() == b);
  order.add_behind(b);
  order.add(c);
  CHECK(order.next() == c);
  order.add_behind(c);
  for (const StreamId expected : {a, b, c, a, b, c}) {
    CHECK(order.next() == expected);
    order.add_behind(expected);
  }
  CHECK_FALSE(order.empty());
}

TEST_CASE("a turn that was interrupted goes on before the others have theirs") {
  SendOrder order;
  const StreamId big{1};
  const StreamId other{3};
  const StreamId small{5};
  order.add_behind(big);
  order.add_behind(other);
  CHECK(order.next() == big);
  CHECK_FALSE(order.first_silent().has_value());
  order.add(small);
  CHECK(order.first_silent() == small);
  order.interrupt(big);
  CHECK(order.next() == small);
  CHECK(order.next() == big);
  order.interrupt(big);
  CHECK_FALSE(order.empty());
  CHECK(order.next() == big);
  CHECK(order.next() == other);
  CHECK(order.empty());
}

TEST_CASE("an allowance has its burst and then its rate") {
  RateAllowance allowance(1000, 33);
  Instant now{10s};
  int taken = 0;
  while (allowance.take(now)) {
    ++taken;
  }
  CHECK(taken == 1000);
  now += 1s;
  taken = 0;
  while (allowance.take(now)) {
    ++taken;
  }
  CHECK(taken == 33);
  now += 1h;
  taken = 0;
  while (allowance.take(now)) {
    ++taken;
  }
  CHECK(taken == 1000);
}
