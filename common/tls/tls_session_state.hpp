// The inside of TlsSession: OpenSSL's session, its memory on both sides and what became of it. For
// tls_session.cpp (what owners call) and tls_session_state.cpp (what OpenSSL calls, records,
// handshake) only; extra to the layout because the two share it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/tls/openssl_handles.hpp"
#include "common/tls/tls_session.hpp"

struct bio_method_st;
struct bio_st;
struct x509_store_ctx_st;

namespace scpool {

// Lives on the heap, so that OpenSSL's callbacks can hold its address while the TlsSession moves.
struct TlsSession::Session {
  SslHandle ssl;
  State state = State::Handshaking;
  std::optional<Error> error;
  std::string server_name;          // empty on the server's side
  std::string certificate_problem;  // the first one, in words
  std::string first_bytes;          // what the peer sent first, to tell HTTP from TLS
  Bytes incoming;                   // ciphertext OpenSSL has not taken yet
  std::size_t incoming_offset = 0;
  ByteView lent;  // the same, and not ours; behind `incoming`
  Bytes staged;   // ciphertext of the running call
  ByteQueue outgoing;
  bool close_sent = false;
  bool keeps_buffers = false;

  bool has_ciphertext() const;
  void note_first(ByteView ciphertext);
  void keep_incoming(ByteView ciphertext);
  void write(ByteView plaintext);
  void write_run(ByteView run);  // 128 KiB at most
  void flush_staged();
  // An idle connection keeps none of OpenSSL's buffers; one that is not does not ask for them anew
  // for each record, as it would with SSL_MODE_RELEASE_BUFFERS, but for each batch, or never.
  void release_buffers();
  void shake_hands();
  // Sets state and error after a call that returned `result`, unless it only wants more bytes.
  void judge(int result);
  void fail(Error reason);
  Error failure() const;

  int take_incoming(char* buffer, std::size_t size, std::size_t* taken);

  static int bio_read(bio_st* bio, char* buffer, std::size_t size, std::size_t* taken) noexcept;
  static int bio_write(bio_st* bio, const char* bytes, std::size_t size, std::size_t* put) noexcept;
  static long bio_control(bio_st* bio, int command, long number, void* pointer) noexcept;
  static int on_certificate(int accepted, x509_store_ctx_st* store) noexcept;
  static const bio_method_st* bio_method();
  static std::unique_ptr<Session> create(const TlsContext& context);
};

}  // namespace scpool
