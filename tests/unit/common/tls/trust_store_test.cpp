#include "common/tls/trust_store.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

// Trusts the system's authorities too, as programs do.
TlsContext trusting(const TlsPairContexts& contexts) {
  return TlsContext::for_client({{contexts.ca_file}, false, {"http/1.1"}}).value();
}

}  // namespace

TEST_CASE("the system's authorities are read for a handshake, and can be dropped during one") {
  const TlsPairContexts contexts;
  const TlsContext context = trusting(contexts);
  CHECK_FALSE(context.trust()->loaded());
  for (int round = 0; round < 2; ++round) {
    TlsSession client = TlsSession::connect(context, "localhost");
    CHECK(context.trust()->loaded());
    context.trust()->forget();
    CHECK_FALSE(context.trust()->loaded());
    TlsSession server = TlsSession::accept(contexts.server);
    settle(client, server);
    CHECK(client.state() == TlsSession::State::Open);
  }
}

TEST_CASE("a server of an unknown authority is refused after the store was dropped too") {
  const TlsPairContexts contexts;
  const TlsPairContexts other;
  const TlsContext context = trusting(other);
  CHECK(context.trust()->load().ok());
  context.trust()->forget();
  TlsSession client = TlsSession::connect(context, "localhost");
  TlsSession server = TlsSession::accept(contexts.server);
  settle(client, server);
  CHECK(client.state() == TlsSession::State::Failed);
}

TEST_CASE("a mistake in a file of authorities is told before anybody connects") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("ca.pem", "nothing of use");
  const auto store = TrustStore::of({file}, true);
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().sentence() == "CA file " + file + ": holds no PEM certificate");
}
