#include "common/tls/tls_session.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/tls/server_name.hpp"
#include "common/tls/tls_problem.hpp"
#include "common/tls/tls_session_state.hpp"

namespace scpool {
namespace {

constexpr std::string_view kBindingLabel = "EXPORTER-Channel-Binding";
constexpr std::size_t kBindingSize = 32;

// SSL_set_tlsext_host_name without the macro's old-style cast.
bool set_server_name_indication(SSL* ssl, std::string name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

}  // namespace

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
  bool asked = false;
  // Asking for what cannot be there costs as much as a record.
  while (state_->state == State::Open && total < buffer.size() && state_->has_ciphertext()) {
    asked = true;
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
  if (asked) {
    state_->release_buffers();
    // Reading may answer a key update, or send an alert.
    state_->flush_staged();
  }
  return total;
}

void TlsSession::write(ByteView plaintext) {
  SCPOOL_CHECK(state_->state == State::Open || state_->state == State::PeerClosed);
  SCPOOL_CHECK(!state_->close_sent);
  state_->write(plaintext);
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

std::size_t TlsSession::outgoing_size() const {
  return state_->outgoing.size() + state_->staged.size();
}

ByteQueue& TlsSession::outgoing() {
  if (!state_->staged.empty()) {
    state_->flush_staged();
    state_->release_buffers();
  }
  return state_->outgoing;
}

void TlsSession::keep_buffers(bool keep) {
  if (keep != state_->keeps_buffers) {
    state_->keeps_buffers = keep;
    state_->release_buffers();
  }
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
