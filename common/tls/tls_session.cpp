#include "common/tls/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "common/base/spare_chunks.hpp"
#include "common/tls/openssl_handles.hpp"
#include "common/tls/server_name.hpp"
#include "common/tls/tls_problem.hpp"

namespace scpool {
namespace {

constexpr std::size_t kRecordSize = 16 * 1024;
constexpr std::size_t kRecordOverhead = 32;  // TLS 1.2: 5 + 8 + 16; TLS 1.3: 5 + 1 + 16
// Ciphertext is queued in runs of this many records, so that one system call can send a run.
constexpr std::size_t kRunSize = 4 * kRecordSize;
// Shorter runs are gathered in the queue's last chunk instead of getting one of their own.
constexpr std::size_t kOwnChunk = 4 * 1024;
constexpr std::string_view kBindingLabel = "EXPORTER-Channel-Binding";
constexpr std::size_t kBindingSize = 32;

// SSL_set_tlsext_host_name without the macro's old-style cast.
bool set_server_name_indication(SSL* ssl, std::string name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

}  // namespace

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

  bool has_ciphertext() const {
    return !lent.empty() || !incoming.empty() || SSL_has_pending(ssl.get()) == 1;
  }
  void note_first(ByteView ciphertext);
  void keep_incoming(ByteView ciphertext);
  void flush_staged();
  void shake_hands();
  // Sets state and error after a call that returned `result`, unless it only wants more bytes.
  void judge(int result);
  void fail(Error reason);
  Error failure() const;

  int take_incoming(char* buffer, std::size_t size, std::size_t* taken);

  static int bio_read(BIO* bio, char* buffer, std::size_t size, std::size_t* taken) noexcept;
  static int bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* put) noexcept;
  static long bio_control(BIO* bio, int command, long number, void* pointer) noexcept;
  static int on_certificate(int accepted, X509_STORE_CTX* store) noexcept;
  static const BIO_METHOD* bio_method();
  static std::unique_ptr<Session> create(const TlsContext& context);
};

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
    staged = Bytes{};                                // an idle connection keeps no buffer
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

TlsSession::TlsSession(std::unique_ptr<Session> state) : state_(std::move(state)) {}
TlsSession::TlsSession(TlsSession&&) noexcept = default;
TlsSession& TlsSession::operator=(TlsSession&&) noexcept = default;
TlsSession::~TlsSession() = default;

TlsSession TlsSession::accept(const TlsContext& context) {
  SCPOOL_CHECK(context.is_server());
  auto session = Session::create(context);
  SSL_set_accept_state(session->ssl.get());
  return TlsSession(std::move(session));
}

TlsSession TlsSession::connect(const TlsContext& context, const std::string& server_name) {
  SCPOOL_CHECK(!context.is_server());
  auto session = Session::create(context);
  session->server_name = bare_name(server_name);
  const std::string& name = session->server_name;
  SSL* ssl = session->ssl.get();
  SSL_set_connect_state(ssl);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, &Session::on_certificate);
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const Result<x509_store_st*> trusted = context.trust()->load();
  if (!trusted) {
    session->fail(trusted.error());
    return TlsSession(std::move(session));
  }
  SSL_set1_verify_cert_store(ssl, trusted.value());
  // An empty name would switch the check off; it must never pass.
  const bool named =
      !name.empty() &&
      (is_address(name)
           ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1
           : SSL_set1_host(ssl, name.c_str()) == 1 && set_server_name_indication(ssl, name));
  if (named) {
    session->shake_hands();
  } else {
    clear_tls_errors();
    session->fail({ErrorKind::Invalid, "not a server name to verify: '" + server_name + "'"});
  }
  return TlsSession(std::move(session));
}

TlsSession::State TlsSession::state() const {
  return state_->state;
}

const Error& TlsSession::error() const {
  SCPOOL_CHECK(state_->error.has_value());
  return *state_->error;
}

void TlsSession::receive(ByteView ciphertext) {
  if (state_->state == State::Failed || state_->state == State::PeerClosed) {
    return;
  }
  state_->note_first(ciphertext);
  state_->keep_incoming(ciphertext);
  if (state_->state == State::Handshaking) {
    state_->shake_hands();
  }
}

void TlsSession::lend(ByteView ciphertext) {
  if (state_->state == State::Open && state_->incoming.empty()) {
    state_->lent = ciphertext;
  } else {
    receive(ciphertext);
  }
}

void TlsSession::keep() {
  if (!state_->lent.empty()) {
    state_->keep_incoming(std::exchange(state_->lent, {}));
  }
}

std::size_t TlsSession::read(std::span<std::uint8_t> buffer) {
  std::size_t total = 0;
  // Asking for what cannot be there costs as much as a record.
  while (state_->state == State::Open && total < buffer.size() && state_->has_ciphertext()) {
    std::size_t count = 0;
    clear_tls_errors();
    const int result =
        SSL_read_ex(state_->ssl.get(), buffer.data() + total, buffer.size() - total, &count);
    if (result != 1) {
      state_->judge(result);
      break;
    }
    total += count;
  }
  // Reading may answer a key update, or send an alert.
  state_->flush_staged();
  return total;
}

void TlsSession::write(ByteView plaintext) {
  SCPOOL_CHECK(state_->state == State::Open || state_->state == State::PeerClosed);
  SCPOOL_CHECK(!state_->close_sent);
  while (!plaintext.empty()) {
    const ByteView run = plaintext.first(std::min(plaintext.size(), kRunSize));
    const std::size_t records = run.size() / kRecordSize + 1;
    const std::size_t needed = run.size() + records * kRecordOverhead;
    if (state_->staged.capacity() < needed) {
      state_->staged = take_chunk(needed);
    }
    std::size_t done = 0;
    while (done < run.size()) {
      std::size_t count = 0;
      clear_tls_errors();
      const int result =
          SSL_write_ex(state_->ssl.get(), run.data() + done, run.size() - done, &count);
      if (result != 1) {
        state_->fail(state_->failure());
        state_->flush_staged();
        return;
      }
      done += count;
    }
    state_->flush_staged();
    plaintext = plaintext.subspan(run.size());
  }
}

void TlsSession::close() {
  if (state_->close_sent || (state_->state != State::Open && state_->state != State::PeerClosed)) {
    return;
  }
  state_->close_sent = true;
  clear_tls_errors();
  SSL_shutdown(state_->ssl.get());
  clear_tls_errors();
  state_->flush_staged();
}

ByteQueue& TlsSession::outgoing() {
  return state_->outgoing;
}

Bytes TlsSession::channel_binding() const {
  SCPOOL_CHECK(state_->state == State::Open || state_->state == State::PeerClosed);
  Bytes binding(kBindingSize);
  const int made = SSL_export_keying_material(state_->ssl.get(),
                                              binding.data(),
                                              binding.size(),
                                              kBindingLabel.data(),
                                              kBindingLabel.size(),
                                              nullptr,
                                              0,
                                              0);
  SCPOOL_CHECK(made == 1);
  return binding;
}

std::string TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
  return std::string(as_text({name, size}));
}

std::string TlsSession::protocol() const {
  return SSL_get_version(state_->ssl.get());
}

}  // namespace scpool
