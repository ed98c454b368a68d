// Proofs bound to one TLS channel (RFC 9266): HMAC-SHA256 over the exporter and who is speaking, so
// that a proof cannot be replayed elsewhere and a box that terminates TLS is noticed.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.hpp"

namespace scpool {

struct ProofSubject {
  std::string_view tunnel_id;
  std::string_view instance;
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
};

// HMAC-SHA256(secret, "tun1" || exporter || length-prefixed(tunnel, instance, connection, epoch)).
// Each field stands behind its length, four bytes; numbers (four and eight bytes) are big endian.
Bytes tunnel_proof(ByteView secret, ByteView channel_binding, const ProofSubject& subject);

// HMAC-SHA256(session key, "res1" || exporter || length-prefixed(sid, epoch, recv)), likewise.
Bytes resume_proof(ByteView key,
                   ByteView channel_binding,
                   std::string_view session,
                   std::uint64_t epoch,
                   std::uint64_t received);

Bytes hmac_sha256(ByteView key, ByteView message);
Bytes sha256(ByteView message);

}  // namespace scpool
