// Credit, fairness and bounds, by the byte.
#include <doctest/doctest.h>

#include <numeric>

#include "common/base/random.hpp"
#include "h2_pair.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// Keeps a stream's send buffer filled until `left` is used up.
struct Source {
  StreamId stream;
  std::size_t left;
  void fill(H2Session& session) {
    static const Bytes block(64 * 1024, 'x');
    while (left > 0 && session.unsent(stream) < limits::kStreamSendBuffer) {
      const std::size_t count = std::min(left, block.size());
      left -= count;
      session.send(stream, ByteView(block).first(count), left == 0);
    }
  }
};

StreamId open_answered(H2Pair& pair) {
  const StreamId stream = pair.client.session.open(request_head("/", "POST"), false).value();
  pair.run();
  pair.server.session.respond(stream, response_head(), false);
  pair.run();
  return stream;
}

// The bytes a stream may still send are all there again: what goes out at once is a full window.
void check_connection_window_whole(H2Pair& pair) {
  H2Settings settings;
  std::vector<Source> sources;
  for (int i = 0; i < 20; ++i) {
    sources.push_back({open_answered(pair), 2 * kMiB});
    pair.client.stalled.insert(sources.back().stream);
  }
  std::size_t moved = 0;
  const std::size_t before = pair.client.session.held_bytes();
  for (int round = 0; round < 2000; ++round) {
    for (Source& source : sources) {
      source.fill(pair.server.session);
    }
    if (!pair.turn()) {
      break;
    }
  }
  for (const Source& source : sources) {
    moved += pair.client.seen[source.stream].body_size;
    CHECK(pair.client.seen[source.stream].body_size == settings.stream_window);
  }
  CHECK(pair.client.session.held_bytes() - before == moved);
}

// Bodies in one direction, of which only the sizes are kept.
struct OneWay {
  explicit OneWay(bool upwards)
      : from(upwards ? pair.client : pair.server), to(upwards ? pair.server : pair.client) {
    to.keep = Keep::Sizes;
  }
  H2Pair pair;
  H2End& from;
  H2End& to;
};

}  // namespace

TEST_CASE("a stalled stream holds its window and no more, and blocks nobody") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    OneWay way(upwards);
    auto& [pair, from, to] = way;
    Source stalled{open_answered(pair), 8 * kMiB};
    Source flowing{open_answered(pair), 64 * kMiB};
    to.stalled.insert(stalled.stream);
    std::size_t most_held = 0;
    for (int round = 0; round < 4000 && !to.seen[flowing.stream].ended; ++round) {
      stalled.fill(from.session);
      flowing.fill(from.session);
      pair.turn();
      most_held = std::max(most_held, to.session.held_bytes());
    }
    CHECK(to.seen[flowing.stream].body_size == 64 * kMiB);
    CHECK(to.seen[stalled.stream].body_size == limits::kInitialStreamWindow);
    CHECK(most_held <= limits::kInitialStreamWindow + 256 * 1024);
    // Once somebody takes the bytes, it goes on.
    to.stalled.clear();
    to.session.consumed(stalled.stream, limits::kInitialStreamWindow);
    for (int round = 0; round < 4000 && !to.seen[stalled.stream].ended; ++round) {
      stalled.fill(from.session);
      pair.turn();
    }
    CHECK(to.seen[stalled.stream].body_size == 8 * kMiB);
  }
}

TEST_CASE("credit never leaks, whatever becomes of thousands of streams") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    Random random(seed);
    H2Pair pair;
    pair.client.keep = Keep::Sizes;
    pair.server.keep = Keep::Sizes;
    pair.client.consume = Consume::ByTest;
    pair.server.consume = Consume::ByTest;
    const Bytes block(200'000, 'x');
    Instant now{};
    std::vector<StreamId> open;
    for (int step = 0; step < 12'000; ++step) {
      now += 20ms;
      pair.client.session.set_round_trip(5ms, now);
      pair.server.session.set_round_trip(5ms, now);
      if (open.size() < 100 && random.chance(0.4) && pair.client.session.can_open()) {
        open.push_back(pair.client.session.open(request_head("/", "POST"), false).value());
      }
      if (open.empty()) {
        continue;
      }
      const std::size_t index = random.below(open.size());
      const StreamId stream = open[index];
      H2Session& client = pair.client.session;
      H2Session& server = pair.server.session;
      const ByteView piece = ByteView(block).first(random.below(block.size()));
      switch (random.below(9)) {
        case 0:
          server.respond(stream, response_head(), random.chance(0.1));
          break;
        case 1:
          server.send(stream, piece, random.chance(0.2));
          break;
        case 2:
          client.send(stream, piece, random.chance(0.2));
          break;
        case 3:
          client.consumed(stream, random.below(400'000));
          break;
        case 4:
          server.consumed(stream, random.below(400'000));
          break;
        case 5:
          if (random.chance(0.3)) {
            client.reset(stream, H2Code::Cancel);
          }
          break;
        case 6:
          if (random.chance(0.3)) {
            server.reset(stream, random.chance(0.5) ? H2Code::Cancel : H2Code::NoError);
          }
          break;
        case 7:
          server.send_trailers(stream, {{"a", "b"}});
          break;
        default:
          H2Pair::move(pair.server, pair.client, random.below(60'000) + 1, random.below(5000) + 1);
          H2Pair::move(pair.client, pair.server, random.below(60'000) + 1, random.below(5000) + 1);
          break;
      }
      if (pair.client.seen[stream].closed.has_value()) {
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
      }
    }
    pair.run();
    for (const StreamId stream : open) {
      pair.client.session.reset(stream, H2Code::Cancel);
    }
    pair.run();
    CHECK_FALSE(pair.client.error.has_value());
    CHECK_FALSE(pair.server.error.has_value());
    CHECK(pair.client.session.active_streams() == 0);
    CHECK(pair.server.session.active_streams() == 0);
    CHECK(pair.client.session.held_bytes() == 0);
    CHECK(pair.server.session.held_bytes() == 0);
    check_connection_window_whole(pair);
  }
}

TEST_CASE("windows grow with the round trip, the connection's with the largest") {
  H2Pair pair;
  pair.client.keep = Keep::Sizes;
  Source source{open_answered(pair), 512 * kMiB};
  Instant now{1s};
  // A path with much delay: all that the windows allow arrives once per round trip.
  std::vector<std::size_t> per_round;
  for (int round = 0; round < 12; ++round) {
    now += 100ms;
    pair.client.session.set_round_trip(100ms, now);
    const std::size_t before = pair.client.seen[source.stream].body_size;
    ByteQueue on_the_way;
    while (true) {
      source.fill(pair.server.session);
      const std::size_t size = on_the_way.size();
      pair.server.session.pull(on_the_way, size + 128 * 1024);
      if (on_the_way.size() == size) {
        break;
      }
    }
    while (!on_the_way.empty()) {
      const std::size_t count = on_the_way.front().size();
      pair.client.note(pair.client.session.receive(on_the_way.front()).value());
      on_the_way.drop(count);
    }
    H2Pair::move(pair.client, pair.server);
    per_round.push_back(pair.client.seen[source.stream].body_size - before);
  }
  CHECK(per_round.front() == limits::kInitialStreamWindow);
  CHECK(per_round.back() > limits::kMaxStreamWindow / 8 * 7);  // the rest is credit in collection
}

TEST_CASE("a small answer passes a big one; all get their share") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    OneWay way(upwards);
    auto& [pair, from, to] = way;
    Source big{open_answered(pair), 100 * kMiB};
    std::vector<Source> small;
    for (int i = 0; i < 50; ++i) {
      small.push_back({open_answered(pair), 64 * 1024});
    }
    big.fill(from.session);
    for (Source& source : small) {
      source.fill(from.session);
    }
    // 50 * 64 KiB beside a big one: with equal shares all small ones are through when the big one
    // has had as much as one of them, a quantum or two more.
    std::size_t rounds = 0;
    const auto all_small_done = [&] {
      return std::all_of(small.begin(), small.end(), [&](const Source& source) {
        return to.seen[source.stream].ended;
      });
    };
    while (!all_small_done() && ++rounds < 1000) {
      big.fill(from.session);
      pair.turn(64 * 1024);
    }
    CHECK(to.seen[big.stream].body_size <= 64 * 1024 + 4 * limits::kFairnessQuantum);
    // A new small one, in the middle of the big one, waits for no more than a batch or two.
    for (int round = 0; round < 100; ++round) {
      big.fill(from.session);
      pair.turn(64 * 1024);
    }
    Source late{open_answered(pair), 1000};
    late.fill(from.session);
    const std::size_t before = to.seen[big.stream].body_size;
    while (!to.seen[late.stream].ended && ++rounds < 2000) {
      big.fill(from.session);
      pair.turn(64 * 1024);
    }
    CHECK(to.seen[big.stream].body_size - before <= 128 * 1024);
    while (!to.seen[big.stream].ended && ++rounds < 20'000) {
      big.fill(from.session);
      pair.turn();
    }
    CHECK(to.seen[big.stream].body_size == 100 * kMiB);
  }
}

TEST_CASE("a read that fills a batch leaves no rest, and goes in one run") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    OneWay way(upwards);
    auto& [pair, from, to] = way;
    const StreamId first = open_answered(pair);
    const StreamId second = open_answered(pair);
    const Bytes read(limits::kIoReadSize, 'r');
    from.session.send(first, read, false);
    from.session.send(second, read, false);
    for (const StreamId stream : {first, second}) {
      ByteQueue wire;
      from.session.pull(wire, limits::kMaxUnsentBytes);
      CHECK(wire.size() == limits::kMaxUnsentBytes);
      CHECK(to.seen[stream].body_size == 0);
      while (!wire.empty()) {
        to.note(to.session.receive(wire.front()).value());
        wire.drop(wire.front().size());
      }
      CHECK(to.seen[stream].body_size == read.size());
    }
  }
}

TEST_CASE("a small answer goes between two frames of a stream's turn") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    OneWay way(upwards);
    auto& [pair, from, to] = way;
    const StreamId big = open_answered(pair);
    const StreamId small = open_answered(pair);
    from.session.send(big, Bytes(limits::kIoReadSize, 'b'), false);
    pair.turn(2 * limits::kCarrierPayload);
    CHECK(to.seen[big].body_size == limits::kDataFrame);
    from.session.send(small, as_bytes("now"), true);
    pair.turn(2 * limits::kCarrierPayload);
    CHECK(to.seen[small].ended);
    CHECK(to.seen[big].body_size < 2 * limits::kDataFrame);
    pair.run();
    CHECK(to.seen[big].body_size == limits::kIoReadSize);
  }
}

TEST_CASE("equal streams get equal shares, also when some send little by little") {
  for (const bool upwards : {false, true}) {
    CAPTURE(upwards);
    OneWay way(upwards);
    auto& [pair, from, to] = way;
    std::vector<Source> sources;
    for (int i = 0; i < 8; ++i) {
      sources.push_back({open_answered(pair), 100 * kMiB});
    }
    const StreamId dribble = open_answered(pair);
    const Bytes drop(32 * 1024, 'd');
    for (int round = 0; round < 1000; ++round) {
      for (Source& source : sources) {
        source.fill(from.session);
      }
      if (from.session.unsent(dribble) == 0) {
        from.session.send(dribble, drop, false);  // always a little, always anew
      }
      pair.turn(64 * 1024);
    }
    std::size_t most = 0;
    std::size_t least = SIZE_MAX;
    for (const Source& source : sources) {
      most = std::max(most, to.seen[source.stream].body_size);
      least = std::min(least, to.seen[source.stream].body_size);
    }
    CHECK(most - least <= 4 * limits::kFairnessQuantum);
    CHECK(to.seen[dribble].body_size <= most + 4 * limits::kFairnessQuantum);
    CHECK(to.seen[dribble].body_size >= least / 4);
  }
}

TEST_CASE("above the bound of held bytes the stream longest without progress goes") {
  H2Settings server;
  server.max_held = 8 * kMiB;
  server.connection_window = 4 * kMiB;
  H2Pair pair({}, server);
  pair.client.keep = Keep::Sizes;
  std::vector<Source> sources;
  for (int i = 0; i < 20; ++i) {
    sources.push_back({open_answered(pair), 4 * kMiB});
    pair.client.stalled.insert(sources.back().stream);
  }
  Source flowing{open_answered(pair), 64 * kMiB};
  std::size_t most_held = 0;
  for (int round = 0; round < 4000; ++round) {
    for (Source& source : sources) {
      source.fill(pair.server.session);
    }
    flowing.fill(pair.server.session);
    // The first of the stalled ones is slow, not stuck.
    pair.client.session.consumed(sources[0].stream, 100);
    pair.turn();
    most_held = std::max(most_held, pair.client.session.held_bytes());
  }
  std::size_t reset = 0;
  for (const Source& source : sources) {
    reset += pair.client.seen[source.stream].closed == H2Code::EnhanceYourCalm ? 1U : 0U;
  }
  CHECK(reset >= 11);
  CHECK_FALSE(pair.client.seen[sources[0].stream].closed.has_value());
  CHECK(pair.client.seen[flowing.stream].body_size == 64 * kMiB);
  CHECK(most_held <= server.max_held + server.connection_window);
  CHECK_FALSE(pair.client.session.failure().has_value());
}
