// Certificates, ALPN and verification policy (OpenSSL's SSL_CTX). TLS 1.3 by default, 1.2 only with
// ECDHE and AEAD; no renegotiation, no compression, no early data; the peer of a client is always
// verified. Shared by all sessions made from it; must outlive the making, not the sessions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/tls/trust_store.hpp"

struct ssl_ctx_st;

namespace scpool {

struct TlsServerSettings {
  std::string certificate_file;  // PEM chain, leaf first
  std::string key_file;          // PEM
};

struct TlsClientSettings {
  std::vector<std::string> ca_files;  // added to the system's roots
  bool only_these_roots = false;      // do not load the system's roots
  std::vector<std::string> alpn = {"http/1.1"};
};

class TlsContext {
 public:
  static Result<TlsContext> for_server(const TlsServerSettings& settings);
  static Result<TlsContext> for_client(const TlsClientSettings& settings);

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

  bool is_server() const { return is_server_; }
  ssl_ctx_st* native() const { return native_; }
  // Whom sessions of a client verify their peer against; null for a server.
  TrustStore* trust() const { return trust_.get(); }

 private:
  explicit TlsContext(ssl_ctx_st* server);
  TlsContext(ssl_ctx_st* client, TrustStore trust);

  ssl_ctx_st* native_;
  bool is_server_;
  std::unique_ptr<TrustStore> trust_;
};

// A certificate authority made on the spot, for the embedded server and for tests: ECDSA P-256.
struct GeneratedCertificate {
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};
// `names`: DNS names and IP literals the certificate is for.
Result<GeneratedCertificate> generate_certificate(const std::vector<std::string>& names,
                                                  int valid_days);

}  // namespace scpool
