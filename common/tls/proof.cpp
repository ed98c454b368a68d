#include "common/tls/proof.hpp"

#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "common/base/check.hpp"

namespace scpool {
namespace {

void append_number(Bytes& out, std::uint64_t number, unsigned size) {
  for (unsigned i = size; i > 0; --i) {
    out.push_back(static_cast<std::uint8_t>((number >> (8 * (i - 1))) & 255U));
  }
}

void append_prefixed(Bytes& out, std::string_view text) {
  append_number(out, text.size(), 4);
  out.insert(out.end(), text.begin(), text.end());
}

void append_prefixed(Bytes& out, std::uint64_t number, unsigned size) {
  append_number(out, size, 4);
  append_number(out, number, size);
}

}  // namespace

Bytes tunnel_proof(ByteView secret, ByteView channel_binding, const ProofSubject& subject) {
  const ByteView purpose = as_bytes("tun1");
  Bytes message(purpose.begin(), purpose.end());
  message.insert(message.end(), channel_binding.begin(), channel_binding.end());
  append_prefixed(message, subject.tunnel_id);
  append_prefixed(message, subject.instance);
  append_prefixed(message, subject.connection, 4);
  append_prefixed(message, subject.epoch, 8);
  return hmac_sha256(secret, message);
}

Bytes resume_proof(ByteView key,
                   ByteView channel_binding,
                   std::string_view session,
                   std::uint64_t epoch,
                   std::uint64_t received) {
  const ByteView purpose = as_bytes("res1");
  Bytes message(purpose.begin(), purpose.end());
  message.insert(message.end(), channel_binding.begin(), channel_binding.end());
  append_prefixed(message, session);
  append_prefixed(message, epoch, 8);
  append_prefixed(message, received, 8);
  return hmac_sha256(key, message);
}

Bytes hmac_sha256(ByteView key, ByteView message) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  unsigned size = 0;
  constexpr std::uint8_t kNoKey = 0;  // OpenSSL takes a null key for "the key of before"
  const bool made = HMAC(EVP_sha256(),
                         key.empty() ? &kNoKey : key.data(),
                         static_cast<int>(key.size()),
                         message.data(),
                         message.size(),
                         digest.data(),
                         &size) != nullptr;
  SCPOOL_CHECK(made && size == digest.size());
  return digest;
}

Bytes sha256(ByteView message) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  SCPOOL_CHECK(SHA256(message.data(), message.size(), digest.data()) != nullptr);
  return digest;
}

}  // namespace scpool
