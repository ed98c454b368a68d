// Owners for OpenSSL objects and its error queue in words, so that the sources of this folder need
// no cleanup paths. Only the files of common/tls use it; it knows no policy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"

struct bio_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;
struct x509_store_st;

namespace scpool {

struct OpensslRelease {
  void operator()(bio_st* bio) const noexcept;
  void operator()(evp_pkey_st* key) const noexcept;
  void operator()(ssl_ctx_st* context) const noexcept;
  void operator()(ssl_st* ssl) const noexcept;
  void operator()(x509_st* certificate) const noexcept;
  void operator()(x509_store_st* store) const noexcept;
};

using BioHandle = std::unique_ptr<bio_st, OpensslRelease>;
using KeyHandle = std::unique_ptr<evp_pkey_st, OpensslRelease>;
using SslContextHandle = std::unique_ptr<ssl_ctx_st, OpensslRelease>;
using SslHandle = std::unique_ptr<ssl_st, OpensslRelease>;
using CertificateHandle = std::unique_ptr<x509_st, OpensslRelease>;
using StoreHandle = std::unique_ptr<x509_store_st, OpensslRelease>;

// The newest reason in OpenSSL's error queue of this thread; empties the queue.
std::string openssl_reason();

// A whole file, at most 1 MiB; an entry "data:base64,..." or "data:..." is its own content.
Result<std::string> read_pem_source(const std::string& source);
// How such a source is named in messages: the path, or "data:xxxxx".
std::string pem_source_name(const std::string& source);
// All certificates of a PEM text, in order. The error says what is wrong, not where.
Result<std::vector<CertificateHandle>> parse_certificates(const std::string& pem);
// The first private key of a PEM text; encrypted keys are refused, nobody is asked for a password.
Result<KeyHandle> parse_private_key(const std::string& pem);

// For people: the subject's common name, or the first alternative name.
std::string certificate_title(const x509_st* certificate);
// The DNS names and addresses it is for, "a.example, 10.0.0.1".
std::string certificate_names(const x509_st* certificate);
// The end of its validity, "Nov 20 07:00:00 2026 GMT".
std::string certificate_end(const x509_st* certificate);
std::string certificate_begin(const x509_st* certificate);

}  // namespace scpool
