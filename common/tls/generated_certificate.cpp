#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/base/random.hpp"
#include "common/tls/openssl_handles.hpp"
#include "common/tls/tls_context.hpp"

namespace scpool {
namespace {

// Clocks of two machines may differ by this much without the certificate being refused.
constexpr long kBackdatedSeconds = 3600;
constexpr long kSecondsPerDay = 86400;
constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name

struct ExtensionRelease {
  void operator()(X509_EXTENSION* extension) const noexcept { X509_EXTENSION_free(extension); }
};
struct NamesRelease {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using NamesHandle = std::unique_ptr<GENERAL_NAMES, NamesRelease>;

Error making_failed() {
  return {ErrorKind::System, "cannot make a certificate: " + openssl_reason()};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, ExtensionRelease> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// 127 random bits: positive and within the 20 octets of RFC 5280 section 4.1.2.2.
bool set_serial(X509* certificate) {
  Bytes bytes = random_secret_bytes(16);
  bytes.front() &= 0x7fU;
  bytes.front() |= 0x40U;
  struct NumberRelease {
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  };
  const std::unique_ptr<BIGNUM, NumberRelease> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name,
                                    "CN",
                                    MBSTRING_UTF8,
                                    as_bytes(common_name).data(),
                                    static_cast<int>(common_name.size()),
                                    -1,
                                    0) == 1;
}

// Version 3 with serial, subject, validity and public key; without extensions, not signed.
CertificateHandle new_certificate(const std::string& common_name, int valid_days, EVP_PKEY* key) {
  CertificateHandle certificate(X509_new());
  if (!certificate) {
    return nullptr;
  }
  X509* native = certificate.get();
  const bool made =
      X509_set_version(native, X509_VERSION_3) == 1 && set_serial(native) &&
      set_name(X509_get_subject_name(native), common_name) &&
      X509_gmtime_adj(X509_getm_notBefore(native), -kBackdatedSeconds) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(native), kSecondsPerDay * valid_days) != nullptr &&
      X509_set_pubkey(native, key) == 1;
  return made ? std::move(certificate) : nullptr;
}

bool is_dns_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*";
  return !name.empty() && name.size() <= 253 &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

bool add_alternative_name(GENERAL_NAMES* names, const std::string& name) {
  struct NameRelease {
    void operator()(GENERAL_NAME* released) const noexcept { GENERAL_NAME_free(released); }
  };
  std::unique_ptr<GENERAL_NAME, NameRelease> entry(GENERAL_NAME_new());
  if (!entry) {
    return false;
  }
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  if (address != nullptr) {
    GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, address);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    if (text == nullptr || ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) {
      ASN1_IA5STRING_free(text);
      return false;
    }
    GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text);
  }
  if (sk_GENERAL_NAME_push(names, entry.get()) == 0) {
    return false;
  }
  static_cast<void>(entry.release());
  return true;
}

bool add_alternative_names(X509* certificate, const std::vector<std::string>& names) {
  const NamesHandle list(GENERAL_NAMES_new());
  if (!list) {
    return false;
  }
  for (const std::string& name : names) {
    if (!add_alternative_name(list.get(), name)) {
      return false;
    }
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) ==
         1;
}

CertificateHandle make_authority(int valid_days, EVP_PKEY* key) {
  // The random part keeps authorities of several runs apart in a browser's store.
  CertificateHandle authority = new_certificate("sc-pool CA " + random_hex(4), valid_days, key);
  if (!authority) {
    return nullptr;
  }
  X509* native = authority.get();
  const bool made =
      X509_set_issuer_name(native, X509_get_subject_name(native)) == 1 &&
      add_extension(native, native, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(native, native, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(native, native, NID_subject_key_identifier, "hash") &&
      X509_sign(native, key, EVP_sha256()) > 0;
  return made ? std::move(authority) : nullptr;
}

CertificateHandle make_leaf(const std::vector<std::string>& names,
                            int valid_days,
                            EVP_PKEY* key,
                            X509* authority,
                            EVP_PKEY* authority_key) {
  const std::string& first = names.front();
  CertificateHandle leaf =
      new_certificate(first.size() <= kMaxCommonName ? first : "sc-pool", valid_days, key);
  if (!leaf) {
    return nullptr;
  }
  X509* native = leaf.get();
  const bool made =
      X509_set_issuer_name(native, X509_get_subject_name(authority)) == 1 &&
      add_extension(native, authority, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(native, authority, NID_key_usage, "critical,digitalSignature") &&
      add_extension(native, authority, NID_ext_key_usage, "serverAuth") &&
      add_extension(native, authority, NID_subject_key_identifier, "hash") &&
      add_extension(native, authority, NID_authority_key_identifier, "keyid:always") &&
      add_alternative_names(native, names) && X509_sign(native, authority_key, EVP_sha256()) > 0;
  return made ? std::move(leaf) : nullptr;
}

std::string bio_text(bio_st* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  return bio && PEM_write_bio_X509(bio.get(), certificate) == 1 ? bio_text(bio.get()) : "";
}

std::string pem_of(EVP_PKEY* key) {
  const BioHandle bio(BIO_new(BIO_s_secmem()));
  const bool written = bio && PEM_write_bio_PKCS8PrivateKey(
                                  bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  return written ? bio_text(bio.get()) : "";
}

}  // namespace

Result<GeneratedCertificate> generate_certificate(const std::vector<std::string>& names,
                                                  int valid_days) {
  if (names.empty()) {
    return Error(ErrorKind::Invalid, "a certificate needs at least one name");
  }
  for (const std::string& name : names) {
    in6_addr address{};
    if (inet_pton(AF_INET6, name.c_str(), &address) != 1 && !is_dns_name(name)) {
      return Error(ErrorKind::Invalid, "neither a DNS name nor an IP address: '" + name + "'");
    }
  }
  const KeyHandle authority_key(EVP_EC_gen("P-256"));
  const KeyHandle key(EVP_EC_gen("P-256"));
  if (!authority_key || !key) {
    return making_failed();
  }
  const CertificateHandle authority = make_authority(valid_days, authority_key.get());
  if (!authority) {
    return making_failed();
  }
  const CertificateHandle leaf =
      make_leaf(names, valid_days, key.get(), authority.get(), authority_key.get());
  if (!leaf) {
    return making_failed();
  }
  GeneratedCertificate made{pem_of(authority.get()), pem_of(leaf.get()), pem_of(key.get())};
  if (made.ca_pem.empty() || made.certificate_pem.empty() || made.key_pem.empty()) {
    return making_failed();
  }
  return made;
}

}  // namespace scpool
