// Messages of the control stream: newline-delimited JSON both ways on stream 1. Unknown types are
// ignored; a message over 64 KiB or one that is no JSON object is a protocol error.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace scpool {

namespace control {

struct Ready {};  // worker: this connection serves
// Asks the other side to finish: no new streams after it, `deadline` for the old ones.
struct Drain {
  std::string reason;
  Duration deadline = Duration::zero();
};
struct Drained {};
struct Sync {  // live stream ids, every 60 s
  std::vector<std::int32_t> streams;
};
struct Stats {  // server: jobs that use the tunnel now
  std::uint64_t jobs = 0;
};
struct Delete {  // the tunnel was ended by somebody else; the worker stops and does not come back
  std::string reason;
};

}  // namespace control

using ControlMessage = std::variant<control::Ready,
                                    control::Drain,
                                    control::Drained,
                                    control::Sync,
                                    control::Stats,
                                    control::Delete>;

std::string to_line(const ControlMessage& message);  // ends in "\n"

class ControlReader {
 public:
  // Messages completed by these bytes, in order.
  Result<std::vector<ControlMessage>> receive(ByteView bytes);

 private:
  std::string line_;
};

}  // namespace scpool
