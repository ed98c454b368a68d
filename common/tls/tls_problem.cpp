#include "common/tls/tls_problem.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

#include "common/tls/openssl_handles.hpp"

namespace scpool {
namespace {

bool looks_like_http(std::string_view bytes) {
  constexpr std::array<std::string_view, 9> kStarts = {
      "HTTP/", "GET ", "POST ", "PUT ", "HEAD ", "CONNECT ", "DELETE ", "OPTIONS ", "PRI * "};
  return std::any_of(kStarts.begin(), kStarts.end(), [bytes](std::string_view start) {
    return bytes.starts_with(start.substr(0, 5));
  });
}

// Content types of RFC 8446 section 5.1.
bool looks_like_tls(ByteView bytes) {
  return bytes.front() >= SSL3_RT_CHANGE_CIPHER_SPEC && bytes.front() <= SSL3_RT_APPLICATION_DATA;
}

}  // namespace

std::string certificate_problem_text(x509_store_ctx_st* store, std::string_view server_name) {
  const int problem = X509_STORE_CTX_get_error(store);
  const X509* certificate = X509_STORE_CTX_get_current_cert(store);
  if (certificate == nullptr) {
    return X509_verify_cert_error_string(problem);
  }
  const std::string title = certificate_title(certificate);
  switch (problem) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate of " + title + " expired on " + certificate_end(certificate);
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate of " + title + " is not valid before " +
             certificate_begin(certificate);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is for " + certificate_names(certificate) + ", not for " +
             std::string(server_name);
    default:
      return std::string(X509_verify_cert_error_string(problem)) + " (certificate of " + title +
             ")";
  }
}

Error tls_failure(const std::string& peer,
                  const std::string& certificate_problem,
                  ByteView first_bytes) {
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const std::string words = openssl_reason();
  const std::string with_peer = "TLS with " + peer + ": ";
  if (!certificate_problem.empty()) {
    return {ErrorKind::Denied, with_peer + certificate_problem};
  }
  if (!first_bytes.empty() && !looks_like_tls(first_bytes)) {
    return {ErrorKind::Protocol,
            peer + " does not speak TLS" +
                (looks_like_http(as_text(first_bytes)) ? ": it looks like plain HTTP" : "")};
  }
  if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    return {ErrorKind::Protocol,
            with_peer + "it refused with the alert '" +
                SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET) + "'"};
  }
  return {ErrorKind::Protocol, with_peer + words};
}

void clear_tls_errors() {
  // OpenSSL goes through all its places, also when nothing stands there, as nearly always.
  if (ERR_peek_error() != 0) {
    ERR_clear_error();
  }
}

}  // namespace scpool
