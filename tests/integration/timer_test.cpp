#include "common/io/timer.hpp"

#include <doctest/doctest.h>

#include "tests/support/run_until.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

struct Alarm {
  Alarm() { timer.arm(start + 2ms); }

  EventLoop loop;
  const Instant start = loop.now();
  Instant fired_at = kNever;
  int fired = 0;
  DeadlineTimer timer{loop, [this] {
                        ++fired;
                        fired_at = loop.now();
                      }};
};

}  // namespace

TEST_CASE("a deadline that moved on is met at its last place, once") {
  Alarm alarm;
  alarm.timer.arm(alarm.start + 4ms);
  alarm.timer.arm(alarm.start + 20ms);
  CHECK(run_until(alarm.loop, [&] { return alarm.fired > 0; }));
  CHECK(alarm.fired_at >= alarm.start + 20ms);
  alarm.loop.run();  // nothing is left to wait for
  CHECK(alarm.fired == 1);
}

TEST_CASE("a deadline that came nearer, or moved on and back, is met there") {
  Alarm alarm;
  SUBCASE("nearer") {
    alarm.timer.arm(alarm.start + 24h);
    alarm.timer.arm(alarm.start + 1ms);
  }
  SUBCASE("back") {
    alarm.timer.arm(kNever);
    alarm.timer.arm(alarm.start + 24h);
    alarm.timer.arm(alarm.start + 2ms);
  }
  alarm.loop.run();
  CHECK(alarm.fired == 1);
}

TEST_CASE("a disarmed deadline keeps the loop from nothing and never fires") {
  Alarm alarm;
  alarm.timer.arm(alarm.start + 24h);
  alarm.timer.arm(kNever);
  alarm.loop.run();
  CHECK(alarm.fired == 0);
  alarm.timer.arm(alarm.loop.now() + 1ms);
  alarm.loop.run();
  CHECK(alarm.fired == 1);
}

TEST_CASE("a timer that was never started can be asked, cancelled and destroyed") {
  EventLoop loop;
  Timer timer(loop);
  CHECK_FALSE(timer.armed());
  timer.cancel();
  CHECK_FALSE(timer.armed());
  bool fired = false;
  timer.start(1ms, [&] { fired = true; });
  CHECK(timer.armed());
  loop.run();
  CHECK(fired);
  CHECK_FALSE(timer.armed());
}
