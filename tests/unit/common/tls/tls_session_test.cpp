#include "common/tls/tls_session.hpp"

#include <doctest/doctest.h>
#include <malloc.h>
#include <openssl/ssl.h>

#include <array>
#include <ctime>

#include "common/tls/proof.hpp"
#include "tests/support/tls_pair.hpp"

using namespace scpool;
using State = TlsSession::State;

namespace {

struct Pair {
  explicit Pair(const TlsPairContexts& contexts, const std::string& name = "localhost")
      : client(TlsSession::connect(contexts.client, name)),
        server(TlsSession::accept(contexts.server)) {
    settle(client, server);
  }
  TlsSession client;
  TlsSession server;
};

std::string read_all(TlsSession& session) {
  std::string text;
  std::array<std::uint8_t, 1000> buffer{};
  while (const std::size_t count = session.read(buffer)) {
    text += as_text(ByteView(buffer).first(count));
  }
  return text;
}

}  // namespace

TEST_CASE("both sides open with TLS 1.3, ALPN and the same channel binding") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  REQUIRE(pair.client.state() == State::Open);
  REQUIRE(pair.server.state() == State::Open);
  CHECK(pair.client.protocol() == "TLSv1.3");
  CHECK(pair.client.alpn() == "http/1.1");
  CHECK(pair.server.alpn() == "http/1.1");
  CHECK(pair.client.channel_binding().size() == 32);
  CHECK(pair.client.channel_binding() == pair.server.channel_binding());

  Pair second(contexts);
  CHECK(second.client.channel_binding() != pair.client.channel_binding());
}

TEST_CASE("a proof made on one side of the channel holds on the other, and on no other channel") {
  const TlsPairContexts contexts;
  const Pair pair(contexts);
  const Pair other(contexts);
  const Bytes secret(32, 9);
  const ProofSubject subject{"00112233445566778899aabbccddeeff", "worker", 2, 17};
  const Bytes proof = tunnel_proof(secret, pair.client.channel_binding(), subject);
  CHECK(proof == tunnel_proof(secret, pair.server.channel_binding(), subject));
  CHECK(proof != tunnel_proof(secret, other.server.channel_binding(), subject));
}

TEST_CASE("text passes both ways, cut at every byte of the ciphertext") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  pair.client.write(as_bytes("from the client"));
  std::string received;
  while (!pair.client.outgoing().empty()) {
    pair.server.receive(pair.client.outgoing().front().first(1));
    pair.client.outgoing().drop(1);
    received += read_all(pair.server);
  }
  CHECK(received == "from the client");
  pair.server.write(as_bytes("from the server"));
  settle(pair.server, pair.client);
  CHECK(read_all(pair.client) == "from the server");
}

TEST_CASE("buffers that are kept are there between two batches, and gone when they need not be") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  const auto in_use = [] { return mallinfo2().uordblks; };
  const auto exchange = [&pair](std::string_view text) {
    pair.client.write(as_bytes(text));
    settle(pair.client, pair.server);
    CHECK(read_all(pair.server) == text);
    pair.server.write(as_bytes(text));
    settle(pair.client, pair.server);
    CHECK(read_all(pair.client) == text);
  };
  exchange("warm");
  [[maybe_unused]] const std::size_t before = in_use();
  pair.client.keep_buffers(true);
  exchange("kept");
  exchange("kept again");
#ifndef __SANITIZE_ADDRESS__  // its heap tells nothing
  CHECK(in_use() >= before + 2 * 16 * 1024);
  pair.client.keep_buffers(false);
  CHECK(in_use() < before + 4 * 1024);
#endif
  pair.client.keep_buffers(false);
  exchange("given back");
}

TEST_CASE("100 MiB arrive byte for byte, in full records and few chunks") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  constexpr std::size_t kTotal = 100 * 1024 * 1024;
  constexpr std::size_t kBlock = 128 * 1024;
  Bytes block(kBlock);
  Bytes buffer(64 * 1024);
  std::uint8_t next_sent = 0;
  std::uint8_t next_expected = 0;
  std::size_t received = 0;
  std::size_t ciphertext = 0;
  bool alike = true;
  for (std::size_t sent = 0; sent < kTotal; sent += kBlock) {
    for (std::uint8_t& byte : block) {
      byte = next_sent;
      next_sent = static_cast<std::uint8_t>(next_sent * 5 + 3);
    }
    pair.server.write(block);
    ciphertext += pair.server.outgoing().size();
    carry(pair.server, pair.client);
    while (const std::size_t count = pair.client.read(buffer)) {
      for (std::size_t i = 0; i < count; ++i) {
        alike = alike && buffer[i] == next_expected;
        next_expected = static_cast<std::uint8_t>(next_expected * 5 + 3);
      }
      received += count;
    }
  }
  CHECK(received == kTotal);
  CHECK(alike);
  // 22 bytes for each 16 KiB: every record was full.
  CHECK(ciphertext == kTotal + kTotal / (16 * 1024) * 22);
}

TEST_CASE("bytes that were lent are read from where they are, and the rest once it is kept") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  const Bytes sent(40'000, 9);
  pair.client.write(sent);
  Bytes lent;
  while (!pair.client.outgoing().empty()) {
    const ByteView run = pair.client.outgoing().front();
    lent.insert(lent.end(), run.begin(), run.end());
    pair.client.outgoing().drop(run.size());
  }
  pair.server.lend(lent);
  Bytes received(sent.size());
  const std::size_t first = pair.server.read(std::span(received).first(10'000));
  CHECK(first == 10'000);
  pair.server.keep();
  std::fill(lent.begin(), lent.end(), std::uint8_t{0});
  const std::size_t rest = pair.server.read(std::span(received).subspan(first));
  CHECK(rest == sent.size() - first);
  CHECK(received == sent);
}

TEST_CASE("a run of four records is one chunk, so one system call can send it") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  pair.client.write(Bytes(64 * 1024, 7));
  CHECK(pair.client.outgoing().front().size() == pair.client.outgoing().size());
}

TEST_CASE("a close_notify ends one direction; the other goes on") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  pair.client.write(as_bytes("last words"));
  pair.client.close();
  settle(pair.client, pair.server);
  CHECK(read_all(pair.server) == "last words");
  CHECK(pair.server.state() == State::PeerClosed);
  pair.server.write(as_bytes("answer"));
  settle(pair.server, pair.client);
  CHECK(read_all(pair.client) == "answer");
  CHECK(pair.client.state() == State::Open);
}

TEST_CASE("a session moves without disturbing what OpenSSL holds of it") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  TlsSession moved = std::move(pair.client);
  moved.write(as_bytes("still here"));
  settle(moved, pair.server);
  CHECK(read_all(pair.server) == "still here");
}

TEST_CASE("a certificate of an unknown authority is refused, and both sides hear why") {
  const TlsPairContexts contexts;
  const TlsPairContexts stranger;
  TlsSession client = TlsSession::connect(contexts.client, "localhost");
  TlsSession server = TlsSession::accept(stranger.server);
  settle(client, server);
  REQUIRE(client.state() == State::Failed);
  CHECK(client.error().kind() == ErrorKind::Denied);
  CHECK(client.error().sentence() ==
        "TLS with localhost: unable to get local issuer certificate (certificate of localhost)");
  REQUIRE(server.state() == State::Failed);
  CHECK(server.error().sentence() == "TLS with the peer: it refused with the alert 'unknown CA'");
}

TEST_CASE("a certificate for other names is refused with the names it has") {
  const TlsPairContexts contexts({"tunnel.example", "10.0.0.1"});
  const Pair pair(contexts, "localhost");
  REQUIRE(pair.client.state() == State::Failed);
  CHECK(pair.client.error().sentence() ==
        "TLS with localhost: the certificate is for tunnel.example, 10.0.0.1, not for localhost");
}

TEST_CASE("addresses are verified as addresses") {
  const TlsPairContexts contexts({"localhost", "127.0.0.1", "::1"});
  CHECK(Pair(contexts, "127.0.0.1").client.state() == State::Open);
  CHECK(Pair(contexts, "::1").client.state() == State::Open);
  CHECK(Pair(contexts, "[::1]").client.state() == State::Open);
  CHECK(Pair(contexts, "localhost.").client.state() == State::Open);
  CHECK(Pair(contexts, "127.0.0.2").client.state() == State::Failed);
}

TEST_CASE("a client without a name to verify does not connect") {
  const TlsPairContexts contexts;
  const TlsSession client = TlsSession::connect(contexts.client, "");
  REQUIRE(client.state() == State::Failed);
  CHECK(client.error().kind() == ErrorKind::Invalid);
}

TEST_CASE("an expired certificate is refused with the day") {
  const TlsPairContexts contexts;
  // The client's calendar is a year ahead.
  X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(contexts.client.native()),
                             std::time(nullptr) + 365L * 86400);
  const Pair pair(contexts);
  REQUIRE(pair.client.state() == State::Failed);
  CHECK(pair.client.error().kind() == ErrorKind::Denied);
  CHECK(pair.client.error().sentence().find(" expired on ") != std::string::npos);
}

TEST_CASE("plain HTTP on either side is called by its name") {
  const TlsPairContexts contexts;
  TlsSession client = TlsSession::connect(contexts.client, "localhost");
  client.receive(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  REQUIRE(client.state() == State::Failed);
  CHECK(client.error().kind() == ErrorKind::Protocol);
  CHECK(client.error().sentence() == "localhost does not speak TLS: it looks like plain HTTP");

  TlsSession server = TlsSession::accept(contexts.server);
  server.receive(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  REQUIRE(server.state() == State::Failed);
  CHECK(server.error().sentence() == "the peer does not speak TLS: it looks like plain HTTP");

  TlsSession other = TlsSession::accept(contexts.server);
  other.receive(as_bytes("SSH-2.0-OpenSSH_9.2\r\n"));
  REQUIRE(other.state() == State::Failed);
  CHECK(other.error().sentence() == "the peer does not speak TLS");
}

TEST_CASE("a changed byte of ciphertext ends the session") {
  const TlsPairContexts contexts;
  Pair pair(contexts);
  pair.client.write(as_bytes("do not touch"));
  const ByteView front = pair.client.outgoing().front();
  Bytes touched(front.begin(), front.end());
  touched.back() ^= 1U;
  pair.server.receive(touched);
  CHECK(read_all(pair.server).empty());
  REQUIRE(pair.server.state() == State::Failed);
  CHECK(pair.server.error().sentence() == "TLS with the peer: decryption failed or bad record mac");
}

TEST_CASE("TLS 1.2 is spoken only with ECDHE and AEAD, older versions not at all") {
  const TlsPairContexts contexts;
  SSL_CTX_set_max_proto_version(contexts.client.native(), TLS1_2_VERSION);
  Pair pair(contexts);
  REQUIRE(pair.client.state() == State::Open);
  CHECK(pair.client.protocol() == "TLSv1.2");
  CHECK(pair.client.channel_binding() == pair.server.channel_binding());

  SSL_CTX_set_cipher_list(contexts.client.native(), "ECDHE+AES+SHA256:RSA");
  CHECK(Pair(contexts).client.state() == State::Failed);
}

TEST_CASE("TLS 1.2 without extended master secret is refused") {
  const TlsPairContexts contexts;
  SSL_CTX_set_max_proto_version(contexts.client.native(), TLS1_2_VERSION);
  SSL_CTX_set_options(contexts.client.native(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  const Pair pair(contexts);
  REQUIRE(pair.server.state() == State::Failed);
  CHECK(pair.server.error().sentence() == "the peer speaks TLS 1.2 without extended master secret");
}

TEST_CASE("a client that only speaks another protocol is turned away by ALPN") {
  const TlsPairContexts contexts;
  const auto other = TlsContext::for_client({{contexts.ca_file}, true, {"h2"}});
  REQUIRE(other.ok());
  TlsSession client = TlsSession::connect(other.value(), "localhost");
  TlsSession server = TlsSession::accept(contexts.server);
  settle(client, server);
  REQUIRE(client.state() == State::Failed);
  CHECK(client.error().sentence().find("no application protocol") != std::string::npos);
}
