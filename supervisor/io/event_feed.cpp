#include "supervisor/io/event_feed.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 500;
// Of one reader that does not read; so many entries wait in the journal at no cost.
constexpr std::size_t kMaxQueued = 64 * 1024;
constexpr std::size_t kMaxReaders = 128;
constexpr std::uint64_t kMaxWaitSeconds = 60;
// Shorter than what proxies and address translation forget a silent connection after.
constexpr Duration kSignOfLifePeriod = 15s;

bool wants_server_sent_events(const HttpRequest& request) {
  const auto accept = request.head.fields.find("Accept");
  return accept.has_value() && accept->find("text/event-stream") != std::string_view::npos;
}

HttpResponse feed_head(bool server_sent_events) {
  HttpResponse response;
  response.fields.set("Content-Type",
                      server_sent_events ? "text/event-stream" : "application/x-ndjson");
  response.fields.set("Cache-Control", "no-store");
  response.fields.set("X-Accel-Buffering", "no");
  return response;
}

std::string lines_of(const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text += entry.json() + "\n";
  }
  return text;
}

std::string server_sent_events_of(const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text += "id: " + std::to_string(entry.cursor) + "\ndata: " + entry.json() + "\n\n";
  }
  return text;
}

// The cursor of `text`; nothing when it is none.
std::optional<std::uint64_t> cursor_of(const std::optional<std::string>& text) {
  return text.has_value() ? parse_number(*text) : std::optional<std::uint64_t>(0);
}

}  // namespace

EventFeed::EventFeed(EventLoop& loop) : loop_(loop), timer_(loop, [this] { on_time(); }) {}

EventFeed::~EventFeed() {
  end_all();
}

void EventFeed::end_all() {
  Readers ended = std::exchange(readers_, {});
  for (auto& [id, reader] : ended) {
    if (reader.follows) {
      reader.reply.end();
    } else {
      answer_once(reader);
    }
  }
}

void EventFeed::answer(const PoolFront& front, const HttpRequest& request, HttpReply reply) {
  const bool server_sent = wants_server_sent_events(request);
  auto since = cursor_of(request.parameter("since"));
  if (const auto last = request.head.fields.find("Last-Event-ID"); last.has_value()) {
    since = parse_number(*last);
  }
  const auto wait = cursor_of(request.parameter("wait_s"));
  if (!since || !wait) {
    reply.send(
        json_error(400, "since and Last-Event-ID are cursors, wait_s is a number of seconds"));
    return;
  }
  Reader reader{std::move(reply),
                &front.journal(),
                *since,
                server_sent ? Form::ServerSentEvents : Form::Lines,
                server_sent || request.parameter("follow").value_or("") == "1",
                loop_.now() + std::chrono::seconds{std::min(*wait, kMaxWaitSeconds)}};
  const bool has_news = !reader.journal->after(*since, 1).entries.empty();
  const bool stays = reader.follows || (!has_news && *wait > 0);
  if (stays && readers_.size() >= kMaxReaders) {
    reader.reply.send(json_error(503, "too many readers of events; try again later"));
  } else if (request.head.method == "HEAD" || !stays) {
    answer_once(reader);
  } else {
    keep(std::move(reader));
  }
}

void EventFeed::keep(Reader reader) {
  if (readers_.empty()) {
    next_sign_of_life_ = loop_.now() + kSignOfLifePeriod;
  }
  const std::uint64_t id = next_id_++;
  Reader& kept = readers_.emplace(id, std::move(reader)).first->second;
  kept.reply.on_gone([this, id] { readers_.erase(id); });
  if (kept.follows) {
    HttpResponse head = feed_head(kept.form == Form::ServerSentEvents);
    if (kept.form == Form::ServerSentEvents) {
      head.body = "retry: 2000\n\n";
    }
    kept.reply.begin(head);
    if (!feed(id, kept)) {
      readers_.erase(id);
    }
  }
  arm();
}

// As much as fits into the reader's queue; the rest when it has read that.
bool EventFeed::feed(std::uint64_t id, Reader& reader) {
  while (reader.reply.queued() < kMaxQueued) {
    const EventJournal::Page page = reader.journal->after(reader.cursor, kPage);
    if (page.entries.empty()) {
      return true;
    }
    reader.reply.write(reader.form == Form::Lines ? lines_of(page.entries)
                                                  : server_sent_events_of(page.entries));
    reader.cursor = page.entries.back().cursor;
  }
  if (reader.journal->has_forgotten(reader.cursor)) {
    drop(reader);
    return false;
  }
  reader.reply.when_sent([this, id] {
    const auto found = readers_.find(id);
    if (found != readers_.end() && !feed(id, found->second)) {
      readers_.erase(found);
    }
  });
  return true;
}

// Its cursor stays behind what it missed, so that it learns of the gap when it comes back.
void EventFeed::drop(Reader& reader) const {
  JournalEntry entry;
  entry.cursor = reader.cursor;
  entry.at = loop_.wall_now();
  entry.event = "dropped";
  entry.reason = "slow-reader";
  entry.detail = "what comes next is not kept any more; read faster, or come back from the cursor";
  reader.reply.write(reader.form == Form::Lines ? lines_of({entry})
                                                : server_sent_events_of({entry}));
  reader.reply.end();
}

bool EventFeed::answer_once(Reader& reader) {
  HttpResponse response = feed_head(reader.form == Form::ServerSentEvents);
  response.body = lines_of(reader.journal->after(reader.cursor, kPage).entries);
  reader.reply.send(response);
  return false;
}

void EventFeed::note_news() {
  for (auto each = readers_.begin(); each != readers_.end();) {
    Reader& reader = each->second;
    const bool stays = reader.follows ? feed(each->first, reader) : answer_once(reader);
    each = stays ? std::next(each) : readers_.erase(each);
  }
  arm();
}

void EventFeed::on_time() {
  const Instant now = loop_.now();
  const bool sign_of_life = now >= next_sign_of_life_;
  for (auto each = readers_.begin(); each != readers_.end();) {
    Reader& reader = each->second;
    bool stays = true;
    if (!reader.follows) {
      stays = reader.deadline > now || answer_once(reader);
    } else if (sign_of_life && reader.reply.queued() == 0) {
      reader.reply.write(reader.form == Form::Lines ? "\n" : ": still here\n\n");
    }
    each = stays ? std::next(each) : readers_.erase(each);
  }
  if (sign_of_life) {
    next_sign_of_life_ = now + kSignOfLifePeriod;
  }
  arm();
}

void EventFeed::arm() {
  Instant next = kNever;
  for (const auto& [id, reader] : readers_) {
    next = std::min(next, reader.follows ? next_sign_of_life_ : reader.deadline);
  }
  timer_.arm(next);
}

}  // namespace scpool::supervisor
