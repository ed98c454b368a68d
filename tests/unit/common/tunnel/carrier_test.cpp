#include "common/tunnel/carrier.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace scpool;
using namespace std::chrono_literals;

namespace {

struct End {
  explicit End(std::size_t cap = limits::kCarrierCap) : carrier(Carrier::Mode::Records, cap) {}

  void give(std::string_view text) {
    ByteQueue queue;
    queue.append(Bytes(text.begin(), text.end()));
    carrier.accept(queue);
  }
  // Everything that is due, as one piece of wire.
  Bytes wire(Instant now, std::size_t most = 16 * 1024) {
    Bytes out;
    while (carrier.write_record(most, now, [&](std::span<const ByteView> parts) {
      std::size_t size = 0;
      for (const ByteView part : parts) {
        out.insert(out.end(), part.begin(), part.end());
        size += part.size();
      }
      CHECK(size <= most);
    })) {
    }
    return out;
  }
  Result<void> take(ByteView bytes, Instant now) {
    std::vector<ByteView> parts;
    Result<void> result = carrier.receive(bytes, now, parts);
    for (const ByteView part : parts) {
      got.append(as_text(part));
    }
    return result;
  }

  Carrier carrier;
  std::string got;
};

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 2654435761U) >> 11U);
  }
  return text;
}

constexpr Instant kStart{};

}  // namespace

TEST_CASE("bytes go out in records, arrive whole, and are kept until acknowledged") {
  End one;
  End other;
  const std::string text = pattern(300'000);
  one.give(text);
  const Bytes wire = one.wire(kStart);
  CHECK(wire.size() == text.size() + 19 * 4);
  CHECK(wire[0] == 0);
  CHECK(carrier_number(ByteView(wire).subspan(1, 3)) == limits::kCarrierPayload);
  REQUIRE(other.take(wire, kStart).ok());
  CHECK(other.got == text);
  CHECK(one.carrier.held_bytes() >= text.size());
  // So many are acknowledged at once.
  REQUIRE(one.take(other.wire(kStart), kStart).ok());
  CHECK(one.carrier.acknowledged() == text.size());
  CHECK(one.carrier.held_bytes() == 0);
}

TEST_CASE("the store is as it was after a record's head lay in it") {
  End one;
  const std::string text = pattern(50'000);
  one.give(text);
  one.wire(kStart, 1000);
  End other;
  REQUIRE(one.carrier.can_resume(0));
  CHECK(one.carrier.resume(0) == text.size());
  REQUIRE(other.take(one.wire(kStart, 777), kStart).ok());
  CHECK(other.got == text);
}

TEST_CASE("a few bytes are acknowledged after 25 ms, or with what goes anyway") {
  End one;
  End other;
  one.give("hello");
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  CHECK(other.carrier.next_deadline() == kStart + 25ms);
  CHECK(other.wire(kStart + 24ms).empty());
  CHECK(other.wire(kStart + 25ms).size() == 12);
  CHECK(other.carrier.next_deadline() == kNever);

  one.give("again");
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  other.give("answer");
  const Bytes both = other.wire(kStart);
  CHECK(both.size() == 12 + 4 + 6);
  CHECK(both[0] == 1);
}

TEST_CASE("an acknowledgement nobody waits for may be late, until more comes that somebody does") {
  End one;
  End other;
  other.carrier.set_ack_delay(15s);
  one.give("hello");
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  CHECK(other.carrier.owed_bytes() == 5);
  CHECK(other.carrier.next_deadline() == kStart + 15s);
  CHECK(other.wire(kStart + 14s).empty());

  other.carrier.set_ack_delay(25ms);
  CHECK(other.carrier.next_deadline() == kStart + 15s);
  one.give("again");
  REQUIRE(other.take(one.wire(kStart + 14s), kStart + 14s).ok());
  CHECK(other.carrier.next_deadline() == kStart + 14s + 25ms);
  REQUIRE(one.take(other.wire(kStart + 14s + 25ms), kStart).ok());
  CHECK(one.carrier.acknowledged() == 10);
  CHECK(one.carrier.held_bytes() == 0);
}

TEST_CASE("a ping is answered with an acknowledgement beside it") {
  End one;
  const Bytes ping = {2, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  REQUIRE(one.take(ping, kStart).ok());
  const Bytes wire = one.wire(kStart);
  CHECK(wire.size() == 24);
  CHECK(wire[0] == 3);
  CHECK(Bytes(wire.begin() + 4, wire.begin() + 12) == Bytes{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(wire[12] == 1);
}

TEST_CASE("carriers share a quarter of the memory") {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  CHECK(carrier_cap(8192 * kMiB, 4) == 16 * kMiB);
  CHECK(carrier_cap(128 * kMiB, 4) == 8 * kMiB);
  CHECK(carrier_cap(8192 * kMiB, 16) == 16 * kMiB);
  CHECK(carrier_cap(256 * kMiB, 16) == 4 * kMiB);
  CHECK(carrier_cap(0, 16) == kMiB);
  CHECK(carrier_cap(64 * kMiB, 0) == 16 * kMiB);
}

TEST_CASE("at the cap nothing more is taken, until the peer acknowledges") {
  End one(64 * 1024);
  End other;
  while (one.carrier.send_room() > 0) {
    one.give(pattern(std::min<std::size_t>(one.carrier.send_room(), 10'000)));
  }
  CHECK(one.carrier.held_bytes() >= 64 * 1024);
  CHECK(one.carrier.held_bytes() < 90 * 1024);
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  REQUIRE(one.take(other.wire(kStart + 1s), kStart).ok());
  CHECK(one.carrier.send_room() == 64 * 1024);
}

TEST_CASE("after a cut both go on from what the other has") {
  End one;
  End other;
  const std::string text = pattern(200'000);
  one.give(text);
  const Bytes wire = one.wire(kStart);
  // The last bytes, the middle of a record, do not arrive.
  REQUIRE(other.take(ByteView(wire).first(150'001), kStart).ok());
  one.carrier.interrupt();
  other.carrier.interrupt();
  REQUIRE(one.carrier.can_resume(other.carrier.received()));
  REQUIRE(other.carrier.can_resume(one.carrier.received()));
  const std::uint64_t arrived = other.carrier.received();
  CHECK(one.carrier.resume(arrived) == text.size() - arrived);
  other.carrier.resume(one.carrier.received());
  // And again: progress survives.
  const Bytes second = one.wire(kStart);
  REQUIRE(other.take(ByteView(second).first(10'000), kStart).ok());
  CHECK(other.carrier.received() > arrived);
  other.carrier.interrupt();
  one.carrier.resume(other.carrier.received());
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  CHECK(other.got == text);
}

TEST_CASE("what was not sent, or is gone, is not resumed") {
  End one;
  End other;
  one.give(pattern(1000));
  CHECK_FALSE(one.carrier.can_resume(1));  // not written yet
  REQUIRE(other.take(one.wire(kStart), kStart).ok());
  REQUIRE(one.take(other.wire(kStart + 1s), kStart).ok());
  CHECK(one.carrier.can_resume(1000));
  CHECK_FALSE(one.carrier.can_resume(999));
  CHECK_FALSE(one.carrier.can_resume(1001));
}

TEST_CASE("after FIN nothing is kept to be resumed") {
  End one;
  End other;
  one.give("the end");
  one.carrier.finish(Carrier::End::Done);
  CHECK_FALSE(one.carrier.resumable());
  CHECK(one.carrier.send_room() == 0);
  const Bytes wire = one.wire(kStart);
  CHECK(wire.back() == 0);
  CHECK(wire[wire.size() - 5] == 4);
  REQUIRE(other.take(wire, kStart).ok());
  CHECK(other.got == "the end");
  CHECK(other.carrier.peer_finished());
  CHECK_FALSE(other.carrier.resumable());
}

TEST_CASE("what breaks the rules is fatal") {
  const auto refused = [](const Bytes& wire) {
    End one;
    one.give("hello");
    one.wire(kStart);
    return !one.take(wire, kStart).ok();
  };
  CHECK(refused({5, 0, 0, 1, 0}));                             // no such type
  CHECK(refused({0, 0, 0, 0}));                                // empty DATA
  CHECK(refused({0, 0, 0x3f, 0xfd}));                          // DATA of 16,381
  CHECK_FALSE(refused({0, 0, 0x3f, 0xfc}));                    // 16,380, more than we ever write
  CHECK(refused({1, 0, 0, 7}));                                // a short ACK
  CHECK(refused({1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 6}));        // of what was not sent
  CHECK_FALSE(refused({1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5}));  // of all
  CHECK(refused({1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5,           // decreasing
                 1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4}));
  CHECK(refused({4, 0, 0, 1, 0, 0, 0, 0, 1, 7}));  // anything after FIN
}

TEST_CASE("without records bytes pass as they are") {
  Carrier plain(Carrier::Mode::Plain);
  ByteQueue queue;
  queue.append("hello");
  plain.accept(queue);
  std::string wire;
  while (plain.write_record(16 * 1024, kStart, [&](std::span<const ByteView> parts) {
    for (const ByteView part : parts) {
      wire.append(as_text(part));
    }
  })) {
  }
  CHECK(wire == "hello");
  CHECK(plain.held_bytes() == 0);
  CHECK_FALSE(plain.resumable());
  std::vector<ByteView> parts;
  REQUIRE(plain.receive(as_bytes("back"), kStart, parts).ok());
  CHECK(as_text(parts.at(0)) == "back");
}
