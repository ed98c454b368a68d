// Streams whose bytes wait with their users until it is their turn.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "h2_pair.hpp"

using namespace scpool;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

char letter_at(StreamId stream, std::size_t position) {
  return static_cast<char>(
      'a' + (position * 7 + position / 1000 + static_cast<std::size_t>(stream.value)) % 26);
}

std::string text_of(StreamId stream, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = letter_at(stream, i);
  }
  return text;
}

// Has so many bytes of each stream, or as many as a socket that is slower would give at once.
struct Sockets final : BodySource {
  struct Socket {
    std::size_t left = 0;
    std::size_t given = 0;
    int asked = 0;
  };
  std::map<StreamId, Socket> sockets;
  std::size_t most = SIZE_MAX;
  std::vector<StreamId> order;

  std::size_t fill(StreamId stream, Room room) override {
    Socket& socket = sockets[stream];
    ++socket.asked;
    order.push_back(stream);
    const std::size_t size = std::min({total_size(room), socket.left, most});
    std::size_t done = 0;
    for (const std::span<std::uint8_t> part : room) {
      for (std::size_t i = 0; i < part.size() && done < size; ++i) {
        part[i] = static_cast<std::uint8_t>(letter_at(stream, socket.given + done++));
      }
    }
    socket.left -= size;
    socket.given += size;
    return size;
  }
};

struct Turns {
  explicit Turns(bool upwards)
      : from(upwards ? pair.client : pair.server), to(upwards ? pair.server : pair.client) {
    from.source = &sockets;
  }
  StreamId open(std::size_t size) {
    const StreamId stream = pair.client.session.open(request_head("/", "POST"), false).value();
    pair.run();
    pair.server.session.respond(stream, response_head(), false);
    pair.run();
    sockets.sockets[stream].left = size;
    return stream;
  }
  // Until nothing moves; a source that gave less than it was asked for has more a moment later.
  void run() {
    do {
      for (const auto& [stream, socket] : sockets.sockets) {
        if (socket.left > 0) {
          from.session.offer(stream);
        }
      }
    } while (pair.turn());
  }

  H2Pair pair;
  Sockets sockets;
  H2End& from;
  H2End& to;
};

}  // namespace

TEST_CASE("a body that waits with its user arrives byte by byte, behind what was sent before") {
  for (const bool upwards : {false, true}) {
    for (const std::size_t most :
         {SIZE_MAX, std::size_t{1}, std::size_t{9'999}, limits::kDataFrame}) {
      CAPTURE(upwards);
      CAPTURE(most);
      Turns turns(upwards);
      turns.sockets.most = most;
      const std::size_t size = most == 1 ? 100 : 3 * kMiB;
      const StreamId stream = turns.open(size);
      turns.from.session.send(stream, as_bytes("before "), false);
      turns.run();
      turns.from.session.send(stream, as_bytes(" after"), true);
      turns.run();
      CHECK(turns.to.seen[stream].body == "before " + text_of(stream, size) + " after");
      CHECK(turns.to.seen[stream].ended);
      CHECK(turns.from.session.unsent_bytes() == 0);
    }
  }
}

TEST_CASE("nobody is asked without credit, and the stream goes on when there is some") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    Turns turns(upwards);
    const StreamId stream = turns.open(4 * kMiB);
    turns.to.consume = Consume::ByTest;
    turns.run();
    const std::size_t window = H2Settings().stream_window;
    CHECK(turns.to.seen[stream].body_size == window);
    CHECK(turns.sockets.sockets[stream].given == window);  // no queue of ours holds any
    CHECK(turns.from.session.unsent_bytes() == 0);
    turns.to.consume = Consume::AtOnce;
    turns.to.session.consumed(stream, window);
    turns.run();
    CHECK(turns.to.seen[stream].body == text_of(stream, 4 * kMiB));
  }
}

TEST_CASE("who had less than his turn is asked again only when he offers") {
  Turns turns(false);
  const StreamId stream = turns.open(1000);
  turns.from.session.offer(stream);
  turns.pair.run();
  CHECK(turns.sockets.sockets[stream].asked == 1);
  CHECK_FALSE(turns.from.session.wants_write());
  turns.sockets.sockets[stream].left = 10;
  turns.pair.run();
  CHECK(turns.sockets.sockets[stream].asked == 1);
  turns.from.session.offer(stream);
  turns.pair.run();
  CHECK(turns.to.seen[stream].body == text_of(stream, 1010));
}

TEST_CASE("streams take turns, and one that was silent does not wait for theirs") {
  Turns turns(false);
  const StreamId one = turns.open(2 * kMiB);
  const StreamId other = turns.open(2 * kMiB);
  const StreamId small = turns.open(0);
  turns.from.session.offer(one);
  turns.from.session.offer(other);
  turns.pair.turn();
  turns.from.session.send(small, as_bytes("now"), true);
  turns.pair.turn();
  CHECK(turns.to.seen[small].ended);
  turns.run();
  CHECK(turns.to.seen[one].body == text_of(one, 2 * kMiB));
  CHECK(turns.to.seen[other].body == text_of(other, 2 * kMiB));
  std::size_t longest = 0;
  std::size_t run = 0;
  for (std::size_t i = 1; i < turns.sockets.order.size(); ++i) {
    run = turns.sockets.order[i] == turns.sockets.order[i - 1] ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  CHECK(longest <= 2);  // a turn that a batch cut in two, and the last of a body
}

TEST_CASE("a stream that was reset or has ended is not asked any more") {
  Turns turns(false);
  const StreamId reset = turns.open(kMiB);
  const StreamId ended = turns.open(kMiB);
  turns.from.session.offer(reset);
  turns.from.session.offer(ended);
  turns.from.session.reset(reset, H2Code::Cancel);
  turns.from.session.send(ended, as_bytes("short"), true);
  turns.from.session.offer(ended);
  turns.pair.run();
  CHECK(turns.sockets.order.empty());
  CHECK(turns.to.seen[ended].body == "short");
  CHECK(turns.to.seen[reset].closed == H2Code::Cancel);
}

TEST_CASE("a frame of ours that comes between goes in front of what waits in place") {
  Turns turns(false);
  const StreamId stream = turns.open(kMiB);
  turns.from.session.offer(stream);
  // Answers to pings and credit are written whenever nghttp2 has them.
  for (std::uint64_t i = 0; i < 20; ++i) {
    turns.to.session.ping(i);
    turns.from.session.ping(i);
    turns.pair.turn(limits::kDataFrame + 100);
  }
  turns.run();
  CHECK(turns.to.seen[stream].body == text_of(stream, kMiB));
  CHECK(turns.to.pings.size() == 20);
}
