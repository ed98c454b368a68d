// Answers GET /v1/events: the journal's entries behind a cursor, as lines of JSON or as server-sent
// events, and on request whatever follows. A reader that does not keep up has a bounded queue; when
// the journal has forgotten what it still wants, it is told so and dropped. Used by the control
// socket and the TCP API. Not in the layout's list.
#pragma once

#include <functional>
#include <map>

#include "common/io/http_server.hpp"
#include "common/io/timer.hpp"
#include "supervisor/io/pool_front.hpp"

namespace scpool::supervisor {

class EventFeed {
 public:
  explicit EventFeed(EventLoop& loop);
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;
  ~EventFeed();  // ends what is being followed

  // Parameters: since=CURSOR (the last one seen; 0: all that is kept), follow=1 (go on as more
  // comes), wait_s=SECONDS (one answer, as soon as there is anything). `Accept: text/event-stream`
  // asks for server-sent events, which always follow; Last-Event-ID goes before since.
  void answer(const PoolFront& front, const HttpRequest& request, HttpReply reply);
  // Readers come back, to us or to who goes on for us.
  void end_all();
  // The journal grew.
  void note_news();

 private:
  enum class Form { Lines, ServerSentEvents };
  struct Reader {
    HttpReply reply;
    const EventJournal* journal;
    std::uint64_t cursor;  // the last one that was sent
    Form form;
    bool follows;      // otherwise one answer, by `deadline`
    Instant deadline;  // of the one answer
  };
  using Readers = std::map<std::uint64_t, Reader>;

  void keep(Reader reader);
  // False: the reader has had its last.
  bool feed(std::uint64_t id, Reader& reader);
  bool answer_once(Reader& reader);
  void drop(Reader& reader) const;
  void on_time();
  void arm();

  EventLoop& loop_;
  Readers readers_;
  std::uint64_t next_id_ = 0;
  Instant next_sign_of_life_;
  DeadlineTimer timer_;
};

}  // namespace scpool::supervisor
