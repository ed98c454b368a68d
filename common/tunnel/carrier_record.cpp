#include "common/tunnel/carrier_record.hpp"

#include <algorithm>
#include <string>

namespace scpool {
namespace {

bool has_valid_size(CarrierRecord type, std::size_t size) {
  switch (type) {
    case CarrierRecord::Data:
      return size >= 1 && size <= limits::kMaxCarrierPayload;
    case CarrierRecord::Ack:
    case CarrierRecord::Ping:
    case CarrierRecord::Pong:
      return size == 8;
    case CarrierRecord::Fin:
      return size == 1;
  }
  return false;
}

}  // namespace

CarrierHead carrier_head(CarrierRecord type, std::size_t payload_size) {
  return {static_cast<std::uint8_t>(type),
          static_cast<std::uint8_t>(payload_size >> 16U),
          static_cast<std::uint8_t>(payload_size >> 8U),
          static_cast<std::uint8_t>(payload_size)};
}

std::array<std::uint8_t, 8> carrier_number(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes.at(bytes.size() - 1 - i) = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return bytes;
}

std::uint64_t carrier_number(ByteView payload) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : payload) {
    number = number << 8U | byte;
  }
  return number;
}

Result<void> CarrierRecordReader::begin_record() {
  type_ = static_cast<CarrierRecord>(head_[0]);
  left_ = static_cast<std::size_t>(carrier_number(ByteView(head_).subspan(1)));
  if (finished_ || !has_valid_size(type_, left_)) {
    return Error(ErrorKind::Protocol,
                 "carrier: a record of type " + std::to_string(head_[0]) + " and " +
                     std::to_string(left_) + " bytes" +
                     (finished_ ? " after the end" : " does not exist"));
  }
  finished_ = type_ == CarrierRecord::Fin;
  small_size_ = 0;
  return {};
}

Result<std::optional<CarrierRecordReader::Piece>> CarrierRecordReader::next(ByteView& wire) {
  while (!wire.empty()) {
    if (left_ == 0) {
      const std::size_t count = std::min(wire.size(), head_.size() - head_size_);
      std::copy_n(wire.begin(), count, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
      head_size_ += count;
      wire = wire.subspan(count);
      if (head_size_ < head_.size()) {
        continue;
      }
      head_size_ = 0;
      if (const Result<void> begun = begin_record(); !begun.ok()) {
        return begun.error();
      }
      continue;
    }
    const ByteView bytes = wire.first(std::min(wire.size(), left_));
    wire = wire.subspan(bytes.size());
    left_ -= bytes.size();
    if (type_ == CarrierRecord::Data) {
      return std::optional(Piece{type_, bytes});
    }
    std::copy(
        bytes.begin(), bytes.end(), small_.begin() + static_cast<std::ptrdiff_t>(small_size_));
    small_size_ += bytes.size();
    if (left_ == 0) {
      return std::optional(Piece{type_, ByteView(small_).first(small_size_)});
    }
  }
  return std::optional<Piece>();
}

}  // namespace scpool
