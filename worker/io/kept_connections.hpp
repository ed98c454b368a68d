// Connections to sites that are kept for the next request: only after a complete, rightly framed
// response without a byte behind it. One that says or does anything while idle is dropped. A file
// of its own because it outlives every request. Owned by the gateway.
#pragma once

#include <memory>
#include <vector>

#include "common/base/time.hpp"
#include "common/io/event_loop.hpp"
#include "common/io/timer.hpp"
#include "worker/io/site_connection.hpp"

namespace scpool::worker {

class KeptConnections final : private SiteConnection::Keeper {
 public:
  // `idle` zero: they are kept until the site ends them.
  KeptConnections(EventLoop& loop, Duration idle);
  virtual ~KeptConnections() = default;

  void keep(std::unique_ptr<SiteConnection> connection);
  // The one used last, since the site has had least time to give it up; null when there is none.
  std::unique_ptr<SiteConnection> take(const Authority& authority, bool tls);
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::unique_ptr<SiteConnection> connection;
    Instant expires;
  };

  void on_stirred(SiteConnection& connection) override;
  void sweep();

  EventLoop& loop_;
  Duration idle_;
  std::vector<Kept> kept_;  // in the order they were kept, and so they expire
  Timer sweep_timer_;
};

}  // namespace scpool::worker
