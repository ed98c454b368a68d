#include "common/tls/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string_view>
#include <utility>

#include "common/base/bytes.hpp"
#include "common/tls/openssl_handles.hpp"

namespace scpool {
namespace {

constexpr std::string_view kServerProtocol = "http/1.1";

Error openssl_error(std::string_view what) {
  return {ErrorKind::System, std::string(what) + ": " + openssl_reason()};
}

// RFC 7301 section 3.2: a client that offers protocols, but not ours, gets an alert.
int select_protocol(SSL* /*ssl*/,
                    const unsigned char** out,
                    unsigned char* out_size,
                    const unsigned char* in,
                    unsigned int in_size,
                    void* /*user*/) noexcept {
  const ByteView offered(in, in_size);
  for (std::size_t at = 0; at < offered.size(); at += 1U + offered[at]) {
    const std::size_t size = offered[at];
    if (at + 1 + size > offered.size()) {
      break;
    }
    const ByteView name = offered.subspan(at + 1, size);
    if (as_text(name) == kServerProtocol) {
      *out = name.data();
      *out_size = static_cast<unsigned char>(name.size());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Of TLS 1.3. AES with keys of 128 bits first, the suite that everybody has (RFC 8446 section 9.1):
// with 256 each byte costs a tenth more.
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// What both sides have in common: versions, ciphers, no renegotiation, compression or early data.
Result<SslContextHandle> new_context(const SSL_METHOD* method) {
  SslContextHandle context(SSL_CTX_new(method));
  if (!context) {
    return openssl_error("cannot start TLS");
  }
  SSL_CTX* native = context.get();
  SSL_CTX_set_security_level(native, 2);
  SSL_CTX_set_options(native,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                          SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_max_early_data(native, 0);
  // A full record costs one call of the encryption and carries 16 KiB.
  SSL_CTX_set_max_send_fragment(native, SSL3_RT_MAX_PLAIN_LENGTH);
  const bool set = SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                   SSL_CTX_set_ciphersuites(native, kCipherSuites) == 1 &&
                   SSL_CTX_set1_groups_list(native, "X25519:P-256:P-384") == 1;
  if (!set) {
    return openssl_error("cannot restrict TLS to safe ciphers");
  }
  return context;
}

Result<void> check_validity(const X509* certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return Error(ErrorKind::Invalid,
                 "holds a certificate of " + certificate_title(certificate) + " that expired on " +
                     certificate_end(certificate));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return Error(ErrorKind::Invalid,
                 "holds a certificate of " + certificate_title(certificate) +
                     " that is not valid before " + certificate_begin(certificate));
  }
  return {};
}

Result<std::vector<CertificateHandle>> read_certificates(const std::string& source) {
  const auto pem = read_pem_source(source);
  if (!pem) {
    return pem.error();
  }
  return parse_certificates(pem.value());
}

Result<void> load_chain(SSL_CTX* native, const std::string& file) {
  auto chain = read_certificates(file);
  if (!chain) {
    return chain.error();
  }
  for (const CertificateHandle& certificate : chain.value()) {
    if (auto valid = check_validity(certificate.get()); !valid) {
      return valid;
    }
  }
  if (SSL_CTX_use_certificate(native, chain.value().front().get()) != 1) {
    return openssl_error("cannot be used as a server's certificate");
  }
  for (std::size_t i = 1; i < chain.value().size(); ++i) {
    if (SSL_CTX_add1_chain_cert(native, chain.value()[i].get()) != 1) {
      return openssl_error("has a chain that cannot be used");
    }
  }
  return {};
}

Result<void> load_key(SSL_CTX* native, const TlsServerSettings& settings) {
  const auto pem = read_pem_source(settings.key_file);
  if (!pem) {
    return pem.error();
  }
  const auto key = parse_private_key(pem.value());
  if (!key) {
    return key.error();
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(native), key.value().get()) != 1) {
    ERR_clear_error();
    return Error(ErrorKind::Invalid,
                 "does not match the certificate in " + settings.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey(native, key.value().get()) != 1) {
    return openssl_error("holds a key that cannot be used");
  }
  return {};
}

Result<void> set_protocols(SSL_CTX* native, const std::vector<std::string>& protocols) {
  Bytes wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return Error(ErrorKind::Invalid, "ALPN names have 1 to 255 bytes: '" + protocol + "'");
    }
    wire.push_back(static_cast<std::uint8_t>(protocol.size()));
    wire.insert(wire.end(), protocol.begin(), protocol.end());
  }
  // 0 is success here, unlike everywhere else.
  if (!wire.empty() &&
      SSL_CTX_set_alpn_protos(native, wire.data(), static_cast<unsigned>(wire.size())) != 0) {
    return openssl_error("cannot set ALPN");
  }
  return {};
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* server) : native_(server), is_server_(true) {}

TlsContext::TlsContext(ssl_ctx_st* client, TrustStore trust)
    : native_(client), is_server_(false), trust_(std::make_unique<TrustStore>(std::move(trust))) {}

TlsContext::TlsContext(TlsContext&& other) noexcept
    : native_(std::exchange(other.native_, nullptr)),
      is_server_(other.is_server_),
      trust_(std::move(other.trust_)) {}

TlsContext& TlsContext::operator=(TlsContext&& other) noexcept {
  std::swap(native_, other.native_);
  std::swap(is_server_, other.is_server_);
  std::swap(trust_, other.trust_);
  return *this;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(native_);
}

Result<TlsContext> TlsContext::for_server(const TlsServerSettings& settings) {
  auto context = new_context(TLS_server_method());
  if (!context) {
    return context.error();
  }
  SSL_CTX* native = context.value().get();
  if (auto loaded = load_chain(native, settings.certificate_file); !loaded) {
    return loaded.error().within("certificate file " + pem_source_name(settings.certificate_file));
  }
  if (auto loaded = load_key(native, settings); !loaded) {
    return loaded.error().within("key file " + pem_source_name(settings.key_file));
  }
  SSL_CTX_set_alpn_select_cb(native, &select_protocol, nullptr);
  // Tickets only: the server remembers nothing, so resumption works after a restart of a client.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  return TlsContext(context.value().release());
}

Result<TlsContext> TlsContext::for_client(const TlsClientSettings& settings) {
  auto context = new_context(TLS_client_method());
  if (!context) {
    return context.error();
  }
  SSL_CTX* native = context.value().get();
  auto trust = TrustStore::of(settings.ca_files, settings.only_these_roots);
  if (!trust) {
    return trust.error();
  }
  if (auto set = set_protocols(native, settings.alpn); !set) {
    return set.error();
  }
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  return TlsContext(context.value().release(), std::move(trust).value());
}

}  // namespace scpool
