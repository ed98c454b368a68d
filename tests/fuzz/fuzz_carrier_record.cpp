// Carrier records: never a crash, the same bytes and the same verdict however they are cut, and
// offsets that count what was handed on. The first byte chooses the cuts.
#include <string>

#include "common/base/check.hpp"
#include "common/tunnel/carrier.hpp"

using namespace scpool;

namespace {

struct Outcome {
  bool failed = false;
  std::string payload;
  bool finished = false;
};

Outcome receive(ByteView bytes, std::size_t piece) {
  Carrier carrier(Carrier::Mode::Records);
  ByteQueue sent;
  sent.append(Bytes(1000, 7));
  carrier.accept(sent);
  const auto ignore = [](std::span<const ByteView>) {};
  while (carrier.write_record(400, Instant{}, ignore)) {
  }
  Outcome outcome;
  while (!bytes.empty() && !outcome.failed) {
    const ByteView some = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(some.size());
    std::vector<ByteView> parts;
    outcome.failed = !carrier.receive(some, Instant{}, parts).ok();
    for (const ByteView part : parts) {
      SCPOOL_CHECK(part.data() >= some.data() &&
                   part.data() + part.size() <= some.data() + some.size());
      outcome.payload.append(as_text(part));
    }
    SCPOOL_CHECK(carrier.received() == outcome.payload.size());
    SCPOOL_CHECK(carrier.acknowledged() <= carrier.sent());
  }
  outcome.finished = carrier.peer_finished();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView bytes(data + 1, size - 1);
  const Outcome whole = receive(bytes, std::max<std::size_t>(1, bytes.size()));
  const Outcome pieces = receive(bytes, 1U + data[0]);
  SCPOOL_CHECK(whole.failed == pieces.failed && whole.finished == pieces.finished);
  SCPOOL_CHECK(whole.payload == pieces.payload);
  return 0;
}
