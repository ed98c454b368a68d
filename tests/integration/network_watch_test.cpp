// In a network namespace of its own, since it changes links and addresses.
#include "common/io/network_watch.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdlib>

#include "tests/support/run_until.hpp"

namespace scpool {

TEST_CASE("links and addresses that come and go are told, several as one") {
  if (unshare(CLONE_NEWNET) != 0) {
    MESSAGE("no network namespaces here: not tested");
    return;
  }
  EventLoop loop;
  int changes = 0;
  const NetworkWatch watch(loop, [&changes] { ++changes; });
  CHECK(local_addresses().empty());
  REQUIRE(std::system("ip link set lo up && ip address add 10.9.8.7/24 dev lo") == 0);
  REQUIRE(run_until(loop, [&] { return changes > 0; }));
  CHECK(changes == 1);
  CHECK(local_addresses().contains("10.9.8.7"));
  CHECK(local_addresses().contains("127.0.0.1"));
  REQUIRE(std::system("ip address delete 10.9.8.7/24 dev lo") == 0);
  REQUIRE(run_until(loop, [&] { return changes > 1; }));
  CHECK_FALSE(local_addresses().contains("10.9.8.7"));
}

}  // namespace scpool
