// How a socket is read whose bytes go into a tunnel stream: as they come, while they are few; by
// the stream's turns, once one read has brought as much as a turn sends. Then they wait in the
// kernel, and go from there to their frames without a queue in between. The same for both ends.
#pragma once

#include "common/io/stream.hpp"

namespace scpool {

// After a read of `size` bytes, of which all were passed on; `plain`: how many of the next are
// passed on whatever they are. True: `from` is read by turns from now on, and has to be offered.
bool begin_turns(Stream& from, std::size_t size, std::uint64_t plain);

// In its turn: fills `room` and says how much that was. Who has less than he could send, or is near
// the end of what is plain, is read as it comes again.
std::size_t take_turn(Stream& from, Room room, std::uint64_t plain);

}  // namespace scpool
