// Two TlsSessions joined in memory, with certificates made for the test.
#pragma once

#include <string>
#include <vector>

#include "common/tls/tls_context.hpp"
#include "common/tls/tls_session.hpp"
#include "tests/support/temporary_directory.hpp"

namespace scpool {

// A server context for `names` and a client context that trusts its authority and nothing else.
struct TlsPairContexts {
  explicit TlsPairContexts(const std::vector<std::string>& names = {"localhost"})
      : made(generate_certificate(names, 30).value()),
        ca_file(directory.write("ca.pem", made.ca_pem)),
        server(TlsContext::for_server({directory.write("server.pem", made.certificate_pem),
                                       directory.write("server.key", made.key_pem)})
                   .value()),
        client(TlsContext::for_client({{ca_file}, true, {"http/1.1"}}).value()) {}

  TemporaryDirectory directory;
  GeneratedCertificate made;
  std::string ca_file;
  TlsContext server;
  TlsContext client;
};

// Moves what `from` wants to send; says whether there was anything.
inline bool carry(TlsSession& from, TlsSession& to) {
  const bool any = !from.outgoing().empty();
  while (!from.outgoing().empty()) {
    const ByteView front = from.outgoing().front();
    to.receive(front);
    from.outgoing().drop(front.size());
  }
  return any;
}

// Carries both ways until neither side has anything to say.
inline void settle(TlsSession& left, TlsSession& right) {
  bool moved = true;
  while (moved) {
    moved = carry(left, right);
    moved = carry(right, left) || moved;
  }
}

}  // namespace scpool
