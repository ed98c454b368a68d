#include "common/io/turn_reading.hpp"

#include "common/base/limits.hpp"

namespace scpool {

bool begin_turns(Stream& from, std::size_t size, std::uint64_t plain) {
  return size == limits::kIoReadSize && plain >= limits::kFairnessQuantum && from.read_by_demand();
}

std::size_t take_turn(Stream& from, Room room, std::uint64_t plain) {
  const std::size_t size = total_size(room);
  const std::size_t count = plain >= size ? from.read_now(room) : 0;
  if (count < size / 2 || plain - count < limits::kFairnessQuantum) {
    from.read_as_it_comes();
  }
  return count;
}

}  // namespace scpool
