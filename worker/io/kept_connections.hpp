// Connections to sites that are kept for the next request: only after a complete, rightly framed
// response without a byte behind it. One that says or does anything while idle is dropped. A file
// of its own because it outlives every request. Owned by the gateway.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/time.hpp"
#include "common/io/event_loop.hpp"
#include "common/io/timer.hpp"
#include "worker/io/site_connection.hpp"

namespace scpool::worker {

class KeptConnections {
 public:
  // `idle` zero: they are kept until the site ends them.
  KeptConnections(EventLoop& loop, Duration idle);
  KeptConnections(const KeptConnections&) = delete;
  KeptConnections& operator=(const KeptConnections&) = delete;
  ~KeptConnections();

  void keep(std::unique_ptr<SiteConnection> connection);
  // The one used last, since the site has had least time to give it up; null when there is none.
  std::unique_ptr<SiteConnection> take(const std::string& key);
  std::size_t size() const { return size_; }

 private:
  class Entry;

  void drop(Entry& entry);
  void sweep();

  EventLoop& loop_;
  Duration idle_;
  std::map<std::string, std::vector<std::unique_ptr<Entry>>> entries_;  // the newest at the end
  std::size_t size_ = 0;
  Timer sweep_timer_;
};

}  // namespace scpool::worker
