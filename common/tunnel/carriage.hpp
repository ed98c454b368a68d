// The seam between HTTP/2 and TLS: what carries the HTTP/2 bytes of one connection. Today the bytes
// pass as they are; a resumable carrier takes this place with records, offsets and replay, and
// neither HTTP/2 nor TLS notices. Pure: bytes in, bytes out.
#pragma once

#include <cstddef>

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"

namespace scpool {

class Carriage {
 public:
  // How many HTTP/2 bytes may be accepted now; the pump pulls no more than that.
  std::size_t send_room() const { return kUnlimited; }
  // Takes HTTP/2 bytes and leaves what goes to TLS in `wire`.
  void send(ByteQueue& h2_bytes, ByteQueue& wire) { wire.splice(h2_bytes); }

  // Takes bytes from TLS; the result are HTTP/2 bytes, valid until the next call. An error is
  // fatal for the connection.
  Result<ByteView> receive(ByteView wire) { return wire; }

 private:
  static constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);
};

}  // namespace scpool
