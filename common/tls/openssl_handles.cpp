#include "common/tls/openssl_handles.hpp"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr std::size_t kMaxPemFile = 1024 * 1024;
constexpr std::string_view kDataScheme = "data:";

// Answers "no password" where OpenSSL would ask the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return 0;
}

BioHandle memory_bio(const std::string& text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string time_text(const ASN1_TIME* time) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || ASN1_TIME_print(bio.get(), time) != 1) {
    ERR_clear_error();
    return "an unreadable time";
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string alternative_name_text(const GENERAL_NAME& name) {
  if (name.type == GEN_DNS) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name.d.dNSName)),
            static_cast<std::size_t>(ASN1_STRING_length(name.d.dNSName))};
  }
  if (name.type == GEN_IPADD) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = ASN1_STRING_length(name.d.iPAddress) == 4 ? AF_INET : AF_INET6;
    if (inet_ntop(family, ASN1_STRING_get0_data(name.d.iPAddress), text.data(), text.size()) !=
        nullptr) {
      return text.data();
    }
  }
  return {};
}

struct NamesRelease {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> texts;
  const std::unique_ptr<GENERAL_NAMES, NamesRelease> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string text = alternative_name_text(*sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty()) {
      texts.push_back(std::move(text));
    }
  }
  return texts;
}

}  // namespace

void OpensslRelease::operator()(bio_st* bio) const noexcept {
  BIO_free(bio);
}

void OpensslRelease::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

void OpensslRelease::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

void OpensslRelease::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

void OpensslRelease::operator()(x509_st* certificate) const noexcept {
  X509_free(certificate);
}

void OpensslRelease::operator()(x509_store_st* store) const noexcept {
  X509_STORE_free(store);
}

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

Result<std::string> read_pem_source(const std::string& source) {
  if (source.starts_with(kDataScheme)) {
    std::string_view text = std::string_view(source).substr(kDataScheme.size());
    if (const auto comma = text.find(','); comma != std::string_view::npos) {
      text.remove_prefix(comma + 1);
    }
    const auto bytes = from_base64(text);
    if (!bytes) {
      return Error(ErrorKind::Invalid, "is not base64");
    }
    return std::string(as_text(*bytes));
  }
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(source.c_str(), "re"));
  if (!file) {
    return Error::from_errno(errno, "cannot be opened");
  }
  std::string text;
  std::array<char, 16 * 1024> block{};
  std::size_t count = 0;
  errno = 0;
  while ((count = std::fread(block.data(), 1, block.size(), file.get())) > 0) {
    text.append(block.data(), count);
    if (text.size() > kMaxPemFile) {
      return Error(ErrorKind::Invalid, "is larger than 1 MiB, so it is no PEM file of ours");
    }
  }
  if (std::ferror(file.get()) != 0) {
    return Error::from_errno(errno, "cannot be read");
  }
  if (text.empty()) {
    return Error(ErrorKind::Invalid, "is empty");
  }
  return text;
}

std::string pem_source_name(const std::string& source) {
  return source.starts_with(kDataScheme) ? "data:xxxxx" : source;
}

Result<std::vector<CertificateHandle>> parse_certificates(const std::string& pem) {
  const BioHandle bio = memory_bio(pem);
  std::vector<CertificateHandle> certificates;
  while (true) {
    CertificateHandle next(PEM_read_bio_X509(bio.get(), nullptr, &no_password, nullptr));
    if (!next) {
      break;
    }
    certificates.push_back(std::move(next));
  }
  const unsigned long code = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  const std::string reason = openssl_reason();
  if (!at_end) {
    return Error(ErrorKind::Invalid, "holds a broken certificate: " + reason);
  }
  if (certificates.empty()) {
    return Error(ErrorKind::Invalid, "holds no PEM certificate");
  }
  return certificates;
}

Result<KeyHandle> parse_private_key(const std::string& pem) {
  const BioHandle bio = memory_bio(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr));
  const std::string reason = openssl_reason();
  if (key) {
    return key;
  }
  if (pem.find("ENCRYPTED") != std::string::npos) {
    return Error(ErrorKind::Invalid, "holds an encrypted key; store it without a password");
  }
  if (pem.find("PRIVATE KEY-----") == std::string::npos) {
    return Error(ErrorKind::Invalid, "holds no PEM private key");
  }
  return Error(ErrorKind::Invalid, "holds a broken private key: " + reason);
}

std::string certificate_title(const x509_st* certificate) {
  std::array<char, 256> name{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                                             NID_commonName,
                                             name.data(),
                                             static_cast<int>(name.size()));
  if (size > 0) {
    return name.data();
  }
  const std::vector<std::string> names = alternative_names(certificate);
  return names.empty() ? "a nameless certificate" : names.front();
}

std::string certificate_names(const x509_st* certificate) {
  return join(alternative_names(certificate), ", ");
}

std::string certificate_end(const x509_st* certificate) {
  return time_text(X509_get0_notAfter(certificate));
}

std::string certificate_begin(const x509_st* certificate) {
  return time_text(X509_get0_notBefore(certificate));
}

}  // namespace scpool
