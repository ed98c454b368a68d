// One TLS connection over memory: ciphertext in, plaintext out, and the other way. No socket, no
// loop. Records that are written full are 16 KiB; nothing is flushed behind the caller's back.
#pragma once

#include <memory>
#include <string>

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/tls/tls_context.hpp"

namespace scpool {

class TlsSession {
 public:
  static TlsSession accept(const TlsContext& context);
  // `server_name`: for SNI and for the verification; an IP literal is verified as one, without SNI.
  static TlsSession connect(const TlsContext& context, const std::string& server_name);

  TlsSession(TlsSession&&) noexcept;
  TlsSession& operator=(TlsSession&&) noexcept;
  ~TlsSession();

  enum class State { Handshaking, Open, PeerClosed, Failed };
  State state() const;
  // In state Failed: what went wrong, with the certificate's problem in words.
  const Error& error() const;

  // Takes ciphertext as it came from the network and goes on with the handshake.
  void receive(ByteView ciphertext);
  // The same without a copy: the bytes stay the caller's, who calls keep() before they go.
  void lend(ByteView ciphertext);
  // Copies what was lent and is not decrypted yet.
  void keep();
  // Decrypts into `buffer`; 0 when there is nothing more now.
  std::size_t read(std::span<std::uint8_t> buffer);
  // Encrypts all of it (states Open and PeerClosed, before close()). The ciphertext is in
  // `outgoing` then, up to 128 KiB of plaintext to a chunk.
  void write(ByteView plaintext);
  // Adds a close_notify to `outgoing`.
  void close();

  // Ciphertext to send, handshake messages and the alert of a failure included; the owner takes
  // what it has sent.
  ByteQueue& outgoing();
  std::size_t outgoing_size() const;

  // OpenSSL's buffers, 34 KiB, stay between two batches, for who has many and tells when he rests.
  void keep_buffers(bool keep);

  // RFC 9266: 32 bytes of label "EXPORTER-Channel-Binding". Only after the handshake.
  Bytes channel_binding() const;
  std::string alpn() const;
  std::string protocol() const;  // "TLSv1.3"

 private:
  struct Session;
  explicit TlsSession(std::unique_ptr<Session> state);
  std::unique_ptr<Session> state_;
};

}  // namespace scpool
