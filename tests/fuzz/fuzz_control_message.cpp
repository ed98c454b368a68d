// Control messages: never a crash, the same messages however the bytes are cut, and what was read
// is written and read back the same. The first byte chooses the cuts.
#include <string>

#include "common/base/check.hpp"
#include "common/tunnel/control_message.hpp"

using namespace scpool;

namespace {

struct Outcome {
  bool failed = false;
  std::string lines;  // everything that was read, written again
};

Outcome read(ByteView bytes, std::size_t piece) {
  ControlReader reader;
  Outcome outcome;
  while (!bytes.empty() && !outcome.failed) {
    const ByteView some = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(some.size());
    const auto messages = reader.receive(some);
    outcome.failed = !messages.ok();
    for (std::size_t i = 0; messages.ok() && i < messages.value().size(); ++i) {
      outcome.lines += to_line(messages.value()[i]);
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView bytes(data + 1, size - 1);
  const Outcome whole = read(bytes, std::max<std::size_t>(1, bytes.size()));
  const Outcome pieces = read(bytes, 1U + data[0]);
  SCPOOL_CHECK(whole.failed == pieces.failed);
  // Messages before the broken one are not handed out when it comes in the same bytes.
  SCPOOL_CHECK(whole.failed || whole.lines == pieces.lines);
  SCPOOL_CHECK(whole.failed || read(as_bytes(whole.lines), 64).lines == whole.lines);
  return 0;
}
