// Keeps the pages that browsers have open as the pool is: sends the page's content when something
// has happened, and otherwise every two seconds, as server-sent events. Costs nothing while nobody
// looks. A browser that does not read misses contents, never its place. Owned by the TCP API.
#pragma once

#include <map>

#include "common/io/http_server.hpp"
#include "common/io/timer.hpp"
#include "supervisor/io/pool_front.hpp"

namespace scpool::supervisor {

class LivePage {
 public:
  explicit LivePage(EventLoop& loop);
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;
  ~LivePage();  // ends every answer

  void answer(const PoolFront& front, HttpReply reply);
  // Browsers come back, to us or to who goes on for us.
  void end_all();
  // Something happened: the pages are sent soon, once for all that happens until then.
  void note_news();

 private:
  void send();

  EventLoop& loop_;
  const PoolFront* front_ = nullptr;
  std::map<std::uint64_t, HttpReply> readers_;
  std::uint64_t next_id_ = 0;
  Instant sent_at_{};
  Instant due_ = kNever;
  DeadlineTimer timer_;
};

}  // namespace scpool::supervisor
