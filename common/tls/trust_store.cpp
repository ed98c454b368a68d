#include "common/tls/trust_store.hpp"

#include <malloc.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <iterator>
#include <utility>

namespace scpool {
namespace {

Result<std::vector<CertificateHandle>> read_certificates(const std::string& source) {
  const auto pem = read_pem_source(source);
  if (!pem) {
    return pem.error();
  }
  return parse_certificates(pem.value());
}

Error unusable(const std::string& what) {
  return {ErrorKind::System, what + ": " + openssl_reason()};
}

}  // namespace

TrustStore::TrustStore(std::vector<CertificateHandle> named, bool only_these)
    : named_(std::move(named)), only_these_(only_these) {}

Result<TrustStore> TrustStore::of(const std::vector<std::string>& ca_files, bool only_these) {
  std::vector<CertificateHandle> named;
  for (const std::string& source : ca_files) {
    auto certificates = read_certificates(source);
    if (!certificates) {
      return certificates.error().within("CA file " + pem_source_name(source));
    }
    std::move(certificates.value().begin(), certificates.value().end(), std::back_inserter(named));
  }
  return TrustStore(std::move(named), only_these);
}

Result<x509_store_st*> TrustStore::load() {
  if (loaded()) {
    return store_.get();
  }
  StoreHandle store(X509_STORE_new());
  if (!store) {
    return unusable("cannot make a store of certificate authorities");
  }
  if (!only_these_ && X509_STORE_set_default_paths(store.get()) != 1) {
    return unusable("cannot load the system's certificate authorities");
  }
  for (const CertificateHandle& certificate : named_) {
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return unusable("cannot trust the certificate of " + certificate_title(certificate.get()));
    }
  }
  ERR_clear_error();  // of a default path that is not there
  store_ = std::move(store);
  return store_.get();
}

void TrustStore::forget() {
  if (loaded() && !only_these_) {
    store_.reset();
    malloc_trim(0);  // thousands of small pieces: by itself the heap would keep their pages
  }
}

}  // namespace scpool
