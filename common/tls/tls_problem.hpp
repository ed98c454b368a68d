// What went wrong in TLS, in words an operator can act on. Reads OpenSSL's state and changes
// nothing but its error queue, which it empties. Used by tls_session only.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"

struct x509_store_ctx_st;

namespace scpool {

// Why the certificate at hand was refused: its dates, or its names against `server_name`.
std::string certificate_problem_text(x509_store_ctx_st* store, std::string_view server_name);

// The error of a failed call. `first_bytes`: what the peer sent first, to tell HTTP from TLS.
// `certificate_problem` wins when it is not empty.
Error tls_failure(const std::string& peer,
                  const std::string& certificate_problem,
                  ByteView first_bytes);

// Before each call: what an earlier one left would be taken for its error.
void clear_tls_errors();

}  // namespace scpool
