#include "common/tls/tls_session_state.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/spare_chunks.hpp"
#include "common/tls/tls_problem.hpp"

namespace scpool {
namespace {

constexpr std::size_t kRecordSize = 16 * 1024;
constexpr std::size_t kRecordOverhead = 32;  // TLS 1.2: 5 + 8 + 16; TLS 1.3: 5 + 1 + 16
// Ciphertext is queued in runs of this many records, so that one system call can send a run.
constexpr std::size_t kRunSize = 8 * kRecordSize;
// Shorter runs are gathered in the queue's last chunk instead of getting one of their own.
constexpr std::size_t kOwnChunk = 4 * 1024;

}  // namespace

int TlsSession::Session::bio_read(BIO* bio,
                                  char* buffer,
                                  std::size_t size,
                                  std::size_t* taken) noexcept {
  BIO_clear_retry_flags(bio);
  const int result = static_cast<Session*>(BIO_get_data(bio))->take_incoming(buffer, size, taken);
  if (result == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  return result;
}

int TlsSession::Session::take_incoming(char* buffer, std::size_t size, std::size_t* taken) {
  if (incoming.empty()) {
    *taken = std::min(size, lent.size());
    std::copy_n(lent.begin(), *taken, reinterpret_cast<std::uint8_t*>(buffer));
    lent = lent.subspan(*taken);
    return *taken > 0 ? 1 : 0;
  }
  *taken = std::min(size, incoming.size() - incoming_offset);
  if (*taken == 0) {
    return 0;
  }
  std::memcpy(buffer, incoming.data() + incoming_offset, *taken);
  incoming_offset += *taken;
  if (incoming_offset == incoming.size()) {
    // An idle connection keeps no buffer.
    incoming = Bytes{};
    incoming_offset = 0;
  }
  return 1;
}

int TlsSession::Session::bio_write(BIO* bio,
                                   const char* bytes,
                                   std::size_t size,
                                   std::size_t* put) noexcept {
  Bytes& staged = static_cast<Session*>(BIO_get_data(bio))->staged;
  // Of the vector's own type: between different types the library copies byte by byte.
  const auto* ciphertext = reinterpret_cast<const std::uint8_t*>(bytes);
  staged.insert(staged.end(), ciphertext, ciphertext + size);
  *put = size;
  return 1;
}

long TlsSession::Session::bio_control(BIO* /*bio*/,
                                      int command,
                                      long /*number*/,
                                      void* /*pointer*/) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* TlsSession::Session::bio_method() {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "scpool memory");
    SCPOOL_CHECK(method != nullptr);
    BIO_meth_set_read_ex(method, &Session::bio_read);
    BIO_meth_set_write_ex(method, &Session::bio_write);
    BIO_meth_set_ctrl(method, &Session::bio_control);
    return method;
  }();
  return kMethod;
}

// Notes the first problem of the chain in words; OpenSSL keeps only a number.
int TlsSession::Session::on_certificate(int accepted, X509_STORE_CTX* store) noexcept {
  if (accepted == 1) {
    return 1;
  }
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* session = static_cast<Session*>(SSL_get_app_data(ssl));
  session->certificate_problem = certificate_problem_text(store, session->server_name);
  return 0;
}

std::unique_ptr<TlsSession::Session> TlsSession::Session::create(const TlsContext& context) {
  auto session = std::make_unique<Session>();
  session->ssl.reset(SSL_new(context.native()));
  BIO* bio = BIO_new(bio_method());
  SCPOOL_CHECK(session->ssl && bio != nullptr);
  BIO_set_data(bio, session.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl.get(), bio, bio);
  SSL_set_app_data(session->ssl.get(), session.get());
  return session;
}

bool TlsSession::Session::has_ciphertext() const {
  return !lent.empty() || !incoming.empty() || SSL_has_pending(ssl.get()) == 1;
}

void TlsSession::Session::note_first(ByteView ciphertext) {
  constexpr std::size_t kLongestStart = 8;
  if (first_bytes.size() < kLongestStart) {
    first_bytes +=
        as_text(ciphertext.first(std::min(ciphertext.size(), kLongestStart - first_bytes.size())));
  }
}

void TlsSession::Session::keep_incoming(ByteView ciphertext) {
  incoming.erase(incoming.begin(), incoming.begin() + static_cast<std::ptrdiff_t>(incoming_offset));
  incoming_offset = 0;
  incoming.insert(incoming.end(), ciphertext.begin(), ciphertext.end());
}

void TlsSession::Session::flush_staged() {
  if (staged.size() >= kOwnChunk) {
    outgoing.append(std::move(staged));
    staged = Bytes{};
  } else if (!staged.empty()) {
    outgoing.append(ByteView(staged));
    staged.clear();
  }
}

void TlsSession::Session::release_buffers() {
  // What is pending lies in them.
  if (!keeps_buffers && SSL_has_pending(ssl.get()) == 0) {
    SSL_free_buffers(ssl.get());
  }
}

void TlsSession::Session::shake_hands() {
  clear_tls_errors();
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    state = State::Open;
    // TLS 1.2 without RFC 7627 has no channel binding worth the name.
    if (SSL_version(ssl.get()) == TLS1_2_VERSION && SSL_get_extms_support(ssl.get()) != 1) {
      fail({ErrorKind::Protocol, "the peer speaks TLS 1.2 without extended master secret"});
    }
  } else {
    judge(result);
  }
  flush_staged();
  if (state != State::Handshaking) {
    staged = Bytes{};  // an idle connection keeps no buffer
    release_buffers();
    SSL_set1_verify_cert_store(ssl.get(), nullptr);  // nor whom it trusted
  }
}

void TlsSession::Session::judge(int result) {
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state = State::PeerClosed;
      return;
    default:
      fail(failure());
      return;
  }
}

void TlsSession::Session::fail(Error reason) {
  state = State::Failed;
  error = std::move(reason);
  incoming = Bytes{};
  incoming_offset = 0;
  lent = {};
}

Error TlsSession::Session::failure() const {
  return tls_failure(
      server_name.empty() ? "the peer" : server_name, certificate_problem, as_bytes(first_bytes));
}

void TlsSession::Session::write(ByteView plaintext) {
  while (!plaintext.empty() && state != State::Failed) {
    const ByteView run = plaintext.first(std::min(plaintext.size(), kRunSize));
    write_run(run);
    plaintext = plaintext.subspan(run.size());
  }
}

void TlsSession::Session::write_run(ByteView run) {
  const std::size_t records = run.size() / kRecordSize + 1;
  const std::size_t needed = run.size() + records * kRecordOverhead;
  if (staged.capacity() - staged.size() < needed) {
    flush_staged();
    // Behind a full record come others, as a rule.
    staged = take_chunk(run.size() < kRecordSize ? needed : kLargeChunk);
  }
  std::size_t done = 0;
  while (done < run.size()) {
    std::size_t count = 0;
    clear_tls_errors();
    if (SSL_write_ex(ssl.get(), run.data() + done, run.size() - done, &count) != 1) {
      fail(failure());
      return;
    }
    done += count;
  }
}

}  // namespace scpool
