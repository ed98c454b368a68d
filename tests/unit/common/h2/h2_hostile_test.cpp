// A peer that does not play by the rules, frame by frame.
#include <doctest/doctest.h>

#include "common/base/random.hpp"
#include "h2_pair.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string text;
  const std::size_t size = payload.size();
  for (const std::size_t part :
       {size >> 16U, size >> 8U, size, std::size_t(type), std::size_t(flags)}) {
    text.push_back(static_cast<char>(part & 0xffU));
  }
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    text.push_back(static_cast<char>(stream >> shift & 0xffU));
  }
  return text.append(payload);
}

std::string number(std::uint32_t value) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    text.push_back(static_cast<char>(value >> shift & 0xffU));
  }
  return text;
}

// HPACK: GET http /, authority by literal without indexing.
std::string small_request() {
  return std::string("\x82\x86\x84\x01\x01", 5) + "s";
}

struct Victim {
  explicit Victim(H2Role role) : end(role, {}) {
    ByteQueue greeting;
    end.session.pull(greeting, 4096);
    feed(role == H2Role::Server ? std::string(kMagic) + frame(4, 0, 0, "") : frame(4, 0, 0, ""));
    feed(frame(4, 1, 0, ""));
  }
  void feed(std::string_view bytes) {
    Result<std::vector<H2Event>> events = end.session.receive(as_bytes(bytes));
    if (events.ok()) {
      end.note(std::move(events).value());
    } else if (!end.error.has_value()) {
      end.error = events.error();
    }
    ByteQueue wire;
    do {
      end.session.pull(wire, wire.size() + 64 * 1024);
    } while (end.session.wants_write() && wire.size() < kMost);
    end.note(end.session.take_events());
    answered += wire.to_string();
  }
  // The code of the last GOAWAY that was sent, if any.
  std::optional<std::uint32_t> goaway() const { return last_code(7, 4); }
  std::optional<std::uint32_t> reset() const { return last_code(3, 0); }
  std::optional<std::uint32_t> last_code(int type, std::size_t offset) const {
    std::optional<std::uint32_t> code;
    std::size_t at = 0;
    const auto byte = [&](std::size_t index) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(answered[index]));
    };
    while (at + 9 <= answered.size()) {
      const std::size_t size = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
      if (byte(at + 3) == static_cast<std::uint32_t>(type)) {
        const std::size_t start = at + 9 + offset;
        code =
            byte(start) << 24U | byte(start + 1) << 16U | byte(start + 2) << 8U | byte(start + 3);
      }
      at += 9 + size;
    }
    return code;
  }

  static constexpr std::size_t kMost = 1024 * 1024;
  H2End end;
  std::string answered;
};

}  // namespace

TEST_CASE("what is no HTTP/2 at all ends at once") {
  H2Session server(H2Role::Server, {});
  CHECK_FALSE(server.receive(as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).ok());
  CHECK(server.failure().has_value());
  CHECK_FALSE(server.receive(as_bytes("more")).ok());
  ByteQueue wire;
  server.pull(wire, 4096);
}

TEST_CASE("broken rules of the connection end it with their code") {
  const struct {
    const char* what;
    std::string bytes;
    std::uint32_t code;
  } cases[] = {
      {"DATA on stream 0", frame(0, 0, 0, "x"), 1},
      {"DATA on an idle stream", frame(0, 0, 5, "x"), 1},
      {"frame above the maximum", frame(0, 0, 1, std::string(33 * 1024, 'x')), 6},
      {"SETTINGS of a wrong size", frame(4, 0, 0, "abc"), 6},
      {"SETTINGS ack with a payload", frame(4, 1, 0, "abcdef"), 6},
      {"PING of a wrong size", frame(6, 0, 0, "abc"), 6},
      {"WINDOW_UPDATE of zero", frame(8, 0, 0, number(0)), 1},
      {"connection window overflow", frame(8, 0, 0, number(0x7fffffff)), 3},
      {"CONTINUATION without HEADERS", frame(9, 4, 1, "x"), 1},
      {"HEADERS on stream 0", frame(1, 5, 0, small_request()), 1},
      {"broken HPACK", frame(1, 5, 1, "\xff\xff\xff\xff\xff\xff"), 9},
      {"another frame inside a header block",
       frame(1, 1, 1, small_request()) + frame(6, 0, 0, "12345678"),
       1},
      {"PUSH_PROMISE from a client", frame(5, 4, 1, number(2)), 1},
      {"initial window above 2^31-1",
       frame(4, 0, 0, std::string("\0\4", 2) + number(0x80000000U)),
       3},
  };
  for (const auto& attack : cases) {
    CAPTURE(attack.what);
    Victim victim(H2Role::Server);
    CHECK_FALSE(victim.goaway().has_value());
    victim.feed(attack.bytes);
    CHECK(victim.goaway() == attack.code);
    CHECK(victim.end.session.failure().has_value());
    CHECK(victim.end.session.finished());
    victim.feed(frame(6, 0, 0, "12345678"));
    CHECK(victim.end.error.has_value());
  }
}

TEST_CASE("broken messages cost their stream only, and the user never hears of them") {
  const auto literal = [](std::string_view name, std::string_view value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + std::string(name) +
           static_cast<char>(value.size()) + std::string(value);
  };
  const struct {
    const char* what;
    std::string block;
  } cases[] = {
      {"no pseudo-header fields", literal("a", "b")},
      {"upper-case name", small_request() + literal("Bad", "b")},
      {"connection field", small_request() + literal("connection", "close")},
      {"blank in a name", small_request() + literal("a b", "c")},
      {"line feed in a value", small_request() + literal("a", "b\nc")},
      {"blank before a value", small_request() + literal("a", " b")},
      {"pseudo-header after field", literal("a", "b") + small_request()},
      {"two paths", small_request() + "\x84"},
      {":protocol that was not announced", small_request() + literal(":protocol", "x")},
      {"differing lengths", small_request() + literal("content-length", "x")},
  };
  for (const auto& attack : cases) {
    CAPTURE(attack.what);
    Victim victim(H2Role::Server);
    victim.feed(frame(1, 5, 1, attack.block));
    CHECK(victim.reset().has_value());
    CHECK_FALSE(victim.goaway().has_value());
    CHECK(victim.end.seen.empty());
    victim.feed(frame(1, 5, 3, small_request()));
    CHECK(victim.end.seen[StreamId{3}].heads.size() == 1);
  }
}

TEST_CASE("a header list that grows while it is unpacked is cut off") {
  Victim victim(H2Role::Server);
  // A 4,000-byte field into the dynamic table, then one byte each for a copy of it.
  std::string block = small_request() + std::string(
                                            "\x40\x01"
                                            "a"
                                            "\x7f\xa1\x1e",
                                            6);
  block += std::string(4000, 'v');
  block += std::string(1000, '\xbe');
  victim.feed(frame(1, 5, 1, block));
  CHECK(victim.reset().has_value());
  CHECK(victim.end.seen.empty());
  CHECK_FALSE(victim.goaway().has_value());
}

TEST_CASE("a body that is not as long as announced is no success") {
  H2Pair pair;
  const StreamId stream = pair.client.session.open(request_head(), true).value();
  pair.run();
  pair.server.session.respond(stream, {{":status", "200"}, {"content-length", "10"}}, false);
  pair.server.session.send(stream, as_bytes("short"), true);
  pair.run();
  CHECK(pair.client.seen[stream].closed == H2Code::ProtocolError);
  CHECK_FALSE(pair.client.seen[stream].ended);
}

TEST_CASE("rapid reset is calmed in both roles") {
  SUBCASE("a client that opens and cancels") {
    Victim victim(H2Role::Server);
    std::uint32_t stream = 1;
    for (; stream < 6001 && !victim.goaway().has_value(); stream += 200) {
      std::string burst;
      for (std::uint32_t id = stream; id < stream + 200; id += 2) {
        burst += frame(1, 5, id, small_request()) + frame(3, 0, id, number(8));
      }
      victim.feed(burst);
    }
    CHECK(victim.goaway().has_value());
    CHECK(stream > 2000);
  }
  SUBCASE("a worker that resets whatever is opened") {
    H2Pair pair;
    int resets = 0;
    while (!pair.client.session.failure().has_value() && resets < 5000) {
      const StreamId stream = pair.client.session.open(request_head(), true).value();
      pair.run();
      pair.server.session.reset(stream, H2Code::InternalError);
      pair.run();
      ++resets;
    }
    CHECK(resets > 1000);
    CHECK(resets < 1100);
    CHECK(pair.server.goaways.back().code == H2Code::EnhanceYourCalm);
  }
  SUBCASE("refusals and resets after a complete answer are no nuisance") {
    H2Pair pair;
    for (int i = 0; i < 3000; ++i) {
      const StreamId stream = pair.client.session.open(request_head("/", "POST"), false).value();
      pair.run();
      if (i % 2 == 0) {
        pair.server.session.reset(stream, H2Code::RefusedStream);
      } else {
        pair.server.session.respond(stream, response_head(), true);
        pair.server.session.reset(stream, H2Code::NoError);
      }
      pair.run();
    }
    CHECK_FALSE(pair.client.session.failure().has_value());
    CHECK(pair.client.session.active_streams() == 0);
  }
  SUBCASE("a peer that makes us reset") {
    Victim victim(H2Role::Server);
    std::uint32_t stream = 1;
    for (; stream < 9001 && !victim.goaway().has_value(); stream += 2) {
      victim.feed(frame(1, 4, stream, small_request()) + frame(8, 0, stream, number(0x7fffffff)));
    }
    CHECK(victim.goaway() == 11U);
    CHECK(stream > 2000);
    CHECK(stream < 2100);
  }
}

TEST_CASE("floods that are never read are cut off") {
  SUBCASE("pings") {
    H2Session server(H2Role::Server, {});
    std::string flood = std::string(kMagic) + frame(4, 0, 0, "");
    for (int i = 0; i < 2000; ++i) {
      flood += frame(6, 0, 0, "12345678");
    }
    CHECK_FALSE(server.receive(as_bytes(flood)).ok());
  }
  SUBCASE("empty DATA") {
    Victim victim(H2Role::Server);
    victim.feed(frame(1, 4, 1, small_request()));
    std::string flood;
    for (int i = 0; i < 20'000; ++i) {
      flood += frame(0, 0, 1, "");
    }
    victim.feed(flood);
    CHECK(victim.goaway() == 11U);
  }
  SUBCASE("CONTINUATION without end") {
    Victim victim(H2Role::Server);
    victim.feed(frame(1, 1, 1, small_request()));
    for (int i = 0; i < 100; ++i) {
      victim.feed(frame(9, 0, 1, ""));
    }
    CHECK((victim.goaway().has_value() || victim.end.error.has_value()));
  }
}

TEST_CASE("more than the window allows is a flow control error") {
  Victim victim(H2Role::Server);
  victim.end.stalled.insert(StreamId{1});
  victim.feed(frame(1, 4, 1, small_request()));
  for (int i = 0; i < 70 && !victim.reset() && !victim.goaway(); ++i) {
    victim.feed(frame(0, 0, 1, std::string(16 * 1024, 'x')));
  }
  CHECK((victim.reset() == 3U || victim.goaway() == 3U));
  // The frame that broke the rule may still be seen, no other.
  CHECK(victim.end.seen[StreamId{1}].body_size <= limits::kInitialStreamWindow + 16 * 1024);
}

TEST_CASE("random frames never break the session's own books") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Victim victim(seed % 2 == 0 ? H2Role::Server : H2Role::Client);
    if (seed % 2 == 1) {
      REQUIRE(victim.end.session.open(request_head(), false).ok());
    }
    for (int step = 0; step < 60; ++step) {
      std::string payload(random.below(60), '\0');
      for (char& byte : payload) {
        byte = static_cast<char>(random.next());
      }
      const int type = static_cast<int>(random.below(11));
      if (type == 1 && random.chance(0.8)) {
        payload = small_request();
      }
      if (type == 8 || type == 3) {
        payload = number(static_cast<std::uint32_t>(random.below(100'000)));
      }
      const std::uint32_t stream = static_cast<std::uint32_t>(random.below(6));
      victim.feed(frame(type, static_cast<int>(random.below(64)), stream, payload));
      for (const auto& [id, seen] : victim.end.seen) {
        if (random.chance(0.3)) {
          victim.end.session.respond(id, response_head(), random.chance(0.3));
          victim.end.session.send(id, as_bytes("answer"), random.chance(0.3));
        }
      }
    }
    if (victim.end.session.active_streams() == 0) {
      CHECK(victim.end.session.held_bytes() == 0);
    }
  }
}
