#include "common/io/signals.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "tests/support/run_until.hpp"

using namespace scpool;

TEST_CASE("signals come as events, and the last action set is the one that runs") {
  EventLoop loop;
  Signals signals(loop);
  int hangups = 0;
  int old = 0;
  signals.on(SIGHUP, [&] { ++old; });
  signals.on(SIGHUP, [&] { ++hangups; });
  kill(getpid(), SIGHUP);
  CHECK(run_until(loop, [&] { return hangups == 1; }));
  kill(getpid(), SIGHUP);
  CHECK(run_until(loop, [&] { return hangups == 2; }));
  CHECK(old == 0);
}

TEST_CASE("signals may be destroyed from inside their own action") {
  EventLoop loop;
  auto signals = std::make_unique<Signals>(loop);
  bool gone = false;
  signals->on(SIGUSR1, [&] {
    signals.reset();
    gone = true;
  });
  kill(getpid(), SIGUSR1);
  CHECK(run_until(loop, [&] { return gone; }));
}

TEST_CASE("writing to a closed pipe is an error, not the end of the process") {
  EventLoop loop;
  const Signals signals(loop);
  int ends[2] = {};
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  CHECK(write(ends[1], "x", 1) == -1);
  close(ends[1]);
}

TEST_CASE("signals have names") {
  CHECK(std::string(signal_name(SIGTERM)) == "SIGTERM");
  CHECK(std::string(signal_name(77)) == "signal 77");
}
