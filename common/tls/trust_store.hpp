// The certificate authorities a client verifies against: those of named files, and the system's.
// Parsed, the system's take more memory than the rest of an idle worker, so they are read when a
// handshake wants them and dropped by forget().
#pragma once

#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/tls/openssl_handles.hpp"

namespace scpool {

class TrustStore {
 public:
  // Reads the named files at once, so that a mistake is told at the start.
  static Result<TrustStore> of(const std::vector<std::string>& ca_files, bool only_these);

  // Loaded if it is not. Whoever goes on using it takes a reference of its own.
  Result<x509_store_st*> load();
  bool loaded() const { return store_ != nullptr; }
  // Gives the memory back to the system, once the last handshake that uses the store is done.
  void forget();

 private:
  TrustStore(std::vector<CertificateHandle> named, bool only_these);

  std::vector<CertificateHandle> named_;
  bool only_these_;
  StoreHandle store_;
};

}  // namespace scpool
