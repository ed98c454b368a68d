// Records of the carrier (engineering notes section 4): 1 byte type, 3 bytes length (big endian),
// payload. The reader takes them from the bytes of TLS as these come; DATA is handed on in pieces
// that lie where they arrived. Untrusted input; pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"
#include "common/base/result.hpp"

namespace scpool {

enum class CarrierRecord : std::uint8_t { Data = 0, Ack = 1, Ping = 2, Pong = 3, Fin = 4 };

using CarrierHead = std::array<std::uint8_t, limits::kCarrierHead>;
CarrierHead carrier_head(CarrierRecord type, std::size_t payload_size);
// Eight bytes, big endian: the payload of an ACK.
std::array<std::uint8_t, 8> carrier_number(std::uint64_t number);
std::uint64_t carrier_number(ByteView payload);

class CarrierRecordReader {
 public:
  struct Piece {
    CarrierRecord type = CarrierRecord::Data;
    ByteView bytes;  // of DATA a part, at least one byte; of others the whole payload
  };

  // The next piece, whose bytes are taken off the front of `wire`; nothing once that is empty. A
  // piece is valid as long as `wire` is, and until the next call. An error is fatal: an unknown
  // type, a length out of range, anything behind a FIN.
  Result<std::optional<Piece>> next(ByteView& wire);
  // Another connection begins: what is left of a record comes anew.
  void reset() { *this = CarrierRecordReader(); }

 private:
  Result<void> begin_record();

  CarrierHead head_{};
  std::size_t head_size_ = 0;
  CarrierRecord type_ = CarrierRecord::Data;
  std::size_t left_ = 0;  // of the payload
  std::array<std::uint8_t, 8> small_{};
  std::size_t small_size_ = 0;
  bool finished_ = false;
};

}  // namespace scpool
