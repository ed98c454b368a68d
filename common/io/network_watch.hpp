// Tells of changes of this host's links, addresses and routes (rtnetlink(7)), so that a connection
// whose path has gone need not wait for its silence to be noticed. Many changes at once make one
// call. Without such a socket nothing is ever told, and the time-outs decide as before.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "common/io/event_loop.hpp"
#include "common/io/timer.hpp"

struct uv_poll_s;

namespace scpool {

class NetworkWatch {
 public:
  // Calls `on_change` 100 ms after the first of some changes, in turns of the loop.
  NetworkWatch(EventLoop& loop, std::function<void()> on_change);
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;
  ~NetworkWatch();

 private:
  void read();

  std::function<void()> on_change_;
  Timer settle_;
  int descriptor_ = -1;
  uv_poll_s* poll_ = nullptr;
};

// The addresses of all links that are up, as literals without a zone. Empty when they cannot be
// listed.
std::set<std::string> local_addresses();

}  // namespace scpool
