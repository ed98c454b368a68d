// The feed of events with real sockets: whole, in order, from any cursor; slow readers are bounded.
#include "supervisor/io/event_feed.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "supervisor/io/event_file.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;
using namespace scpool::supervisor;

namespace {

class StillPool final : public PoolFront {  // NOLINT(cppcoreguidelines-virtual-class-destructor)
 public:
  explicit StillPool(EventJournal& journal) : journal_(journal) {}
  StatusReport report() const override { return {}; }
  std::string explain(SlotIndex /*slot*/) const override { return {}; }
  const EventJournal& journal() const override { return journal_; }
  std::string configuration_text() const override { return {}; }
  Instant now() const override { return {}; }
  void command(PoolEvent /*event*/) override {}
  void go_down(StopUrgency /*urgency*/, std::optional<Duration> /*limit*/) override {}
  Result<std::string> reload() override { return std::string(); }
  Result<std::string> plan(const PlanWish& /*wish*/) override { return std::string(); }
  Result<void> upgrade(const UpgradeOrder& /*order*/) override { return {}; }
  UpgradeReport upgrade_report() const override { return {}; }

 private:
  EventJournal& journal_;
};

JournalEntry entry_of(std::string detail) {
  return *journal_entry(Announce{{}, {}, {}, {ReasonKind::StateChanged, std::move(detail)}});
}

struct FeedBench {
  explicit FeedBench(std::size_t capacity = 100)
      : journal(capacity, 1),
        pool(journal),
        server(std::make_unique<HttpServer>(loop,
                                            HttpServerSettings{},
                                            [this](const HttpRequest& request, HttpReply reply) {
                                              ++requests;
                                              feed->answer(pool, request, std::move(reply));
                                            })),
        feed(std::make_unique<EventFeed>(loop)) {
    at = server->listen_tcp({"127.0.0.1", 0}, nullptr).value();
  }

  void append(const std::string& detail) {
    journal.append(entry_of(detail), wall_time_from_unix(1));
    feed->note_news();
  }
  // A client whose request has reached the feed.
  std::unique_ptr<RecordedStream> ask(const std::string& query, const std::string& fields = "") {
    auto client = std::make_unique<RecordedStream>(Stream::connect_tcp(loop, at));
    const int before = requests;
    client->stream->write("GET /v1/events" + query + " HTTP/1.1\r\nHost: pool\r\n" + fields +
                          "\r\n");
    run_until(loop, [&] { return requests > before; });
    return client;
  }
  void wait_for(const RecordedStream& client, const std::string& text) {
    run_until(loop, [&] { return client.received.find(text) != std::string::npos; });
  }

  EventLoop loop;
  EventJournal journal;
  StillPool pool;
  int requests = 0;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<EventFeed> feed;
  Endpoint at;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("lines of JSON: what is kept, behind a cursor, and what is not kept any more") {
  FeedBench bench(3);
  for (const char* detail : {"a", "b", "c", "d"}) {
    bench.append(detail);
  }
  const auto all = bench.ask("");
  bench.wait_for(*all, "\"detail\":\"d\"");
  CHECK(count(all->received, "\"cursor\"") == 3);
  CHECK(count(all->received, "application/x-ndjson") == 1);
  const auto rest = bench.ask("?since=3");
  bench.wait_for(*rest, "\"detail\":\"d\"");
  CHECK(count(rest->received, "\"cursor\"") == 1);
  bench.append("e");
  const auto late = bench.ask("?since=1");
  bench.wait_for(*late, "\"detail\":\"e\"");
  CHECK(count(late->received, "\"event\":\"gap\"") == 1);
  const auto wrong = bench.ask("?since=yesterday");
  bench.wait_for(*wrong, "400 Bad Request");
}

TEST_CASE("server-sent events go on from the cursor that a browser saw last") {
  FeedBench bench;
  bench.append("a");
  bench.append("b");
  auto first = bench.ask("", "Accept: text/event-stream\r\n");
  bench.wait_for(*first, "id: 2\ndata: {");
  bench.append("c");
  bench.wait_for(*first, "id: 3\ndata: {");
  first.reset();
  bench.append("d");
  const auto again = bench.ask("?since=1", "Accept: text/event-stream\r\nLast-Event-ID: 3\r\n");
  bench.append("e");
  bench.wait_for(*again, "id: 5\n");
  CHECK(count(again->received, "id: ") == 2);
  CHECK(count(again->received, "text/event-stream") == 1);
  bench.feed.reset();  // the pool ends: so does the answer, and properly
  bench.wait_for(*again, "\r\n0\r\n\r\n");
}

TEST_CASE("one answer as soon as there is anything") {
  FeedBench bench;
  const auto client = bench.ask("?wait_s=60");
  CHECK(client->received.empty());
  bench.append("a");
  bench.wait_for(*client, "\"detail\":\"a\"");
  const auto impatient = bench.ask("?since=1&wait_s=1");
  bench.wait_for(*impatient, "200 OK");
  CHECK(count(impatient->received, "\"cursor\"") == 0);
}

TEST_CASE("who does not read is dropped with a reason, and holds up nobody") {
  FeedBench bench(50);
  const auto slow = bench.ask("?follow=1");
  slow->stream->pause_reading();
  const auto fast = bench.ask("?follow=1");
  const std::string ballast(8000, 'x');
  // More than any kernel buffer takes; the journal keeps the last fifty.
  std::size_t written = 0;
  for (; written < 4000; ++written) {
    bench.append(std::to_string(written) + "-" + ballast);
    run_until(bench.loop, [&] {
      return count(fast->received, "\"cursor\":" + std::to_string(written + 1) + ",") == 1;
    });
    fast->received.clear();
  }
  slow->stream->resume_reading();
  bench.wait_for(*slow, "\"event\":\"dropped\"");
  CHECK(count(slow->received, "slow-reader") == 1);
  bench.wait_for(*slow, "\r\n0\r\n\r\n");
  const std::size_t last = count(slow->received, "\"state-changed\"");
  CHECK(last > 0);
  CHECK(last < written);
  const auto back = bench.ask("?since=" + std::to_string(last));
  bench.wait_for(*back, "\"event\":\"gap\"");
}

TEST_CASE("the journal's file: kept over supervisors, mended after a torn write, written anew") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("events.ndjson");
  {
    EventFile file(path);
    EventJournal journal(5, 1, file.load());
    for (int i = 0; i < 3; ++i) {
      REQUIRE(
          file.append(journal.append(entry_of(std::to_string(i)), wall_time_from_unix(i)), journal)
              .ok());
    }
  }
  std::ofstream(path, std::ios::app) << R"({"cursor":99,"ev)";
  EventFile file(path);
  EventJournal journal(600, 1, file.load());
  REQUIRE(journal.entries().size() == 3);
  CHECK(journal.entries().back().detail == "2");
  CHECK(file.append(journal.append(entry_of("after"), {}), journal).ok());
  CHECK(EventFile(path).load().back().detail == "after");
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(file.append(journal.append(entry_of("x"), {}), journal).ok());
  }
  CHECK(std::filesystem::file_size(path) < 1300 * journal.entries().back().json().size());
  const auto kept = EventFile(path).load();
  CHECK(kept.back().cursor == journal.entries().back().cursor);
  CHECK(kept.size() >= 600);
  CHECK_FALSE(EventFile("/nonexistent/events.ndjson").append(kept.back(), journal).ok());
}
