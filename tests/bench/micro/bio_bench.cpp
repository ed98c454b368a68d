// 64 KiB through TLS and a TCP connection over loopback, both ends in turn: our sessions over
// memory with one system call for all records, against OpenSSL's own socket BIO, which makes its
// own calls.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "common/tls/openssl_handles.hpp"
#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

constexpr std::size_t kAmount = 64 * 1024;

// A connected pair of TCP sockets.
struct Sockets {
  Sockets() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    near = socket(AF_INET, SOCK_STREAM, 0);
    const bool made = bind(listener, at, size) == 0 && listen(listener, 1) == 0 &&
                      getsockname(listener, at, &size) == 0 && connect(near, at, size) == 0;
    far = made ? accept(listener, nullptr, nullptr) : -1;
    close(listener);
    const int on = 1;
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  ~Sockets() {
    close(near);
    close(far);
  }
  int near = -1;
  int far = -1;
};

void memory_bio(benchmark::State& state) {
  const TlsPairContexts contexts;
  TlsSession client = TlsSession::connect(contexts.client, "localhost");
  TlsSession server = TlsSession::accept(contexts.server);
  settle(client, server);
  const Sockets sockets;
  const Bytes plain(kAmount, 'x');
  Bytes wire(kAmount);
  Bytes read(2 * kAmount);
  for (auto _ : state) {
    client.write(plain);
    ByteQueue& out = client.outgoing();
    while (!out.empty()) {
      const ByteView front = out.front();
      out.drop(static_cast<std::size_t>(send(sockets.near, front.data(), front.size(), 0)));
    }
    for (std::size_t got = 0; got < kAmount;) {
      const ssize_t count = recv(sockets.far, wire.data(), wire.size(), 0);
      server.receive(ByteView(wire).first(static_cast<std::size_t>(count)));
      for (std::size_t more = 0; (more = server.read(read)) > 0;) {
        got += more;
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kAmount));
}
BENCHMARK(memory_bio);

void socket_bio(benchmark::State& state) {
  const TlsPairContexts contexts;
  const Sockets sockets;
  const SslHandle client(SSL_new(contexts.client.native()));
  const SslHandle server(SSL_new(contexts.server.native()));
  SSL_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);  // the handshake is not what is measured
  for (const auto& [ssl, socket] :
       {std::pair{client.get(), sockets.near}, {server.get(), sockets.far}}) {
    SSL_set_fd(ssl, socket);
    SSL_set_read_ahead(ssl, 1);
    SSL_set_default_read_buffer_len(ssl, kAmount);
  }
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (const int socket : {sockets.near, sockets.far}) {
    timeval soon{0, 1000};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  }
  while (SSL_is_init_finished(client.get()) == 0 || SSL_is_init_finished(server.get()) == 0) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  const Bytes plain(kAmount, 'x');
  Bytes read(kAmount);
  for (auto _ : state) {
    std::size_t sent = 0;
    for (std::size_t more = 0; sent < kAmount; sent += more) {
      if (SSL_write_ex(client.get(), plain.data() + sent, kAmount - sent, &more) != 1) {
        state.SkipWithError("cannot write");
        return;
      }
    }
    for (std::size_t got = 0, more = 0; got < kAmount; got += more) {
      if (SSL_read_ex(server.get(), read.data(), read.size(), &more) != 1) {
        more = 0;  // the first call meets the tickets' time-out at most
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kAmount));
}
BENCHMARK(socket_bio);

}  // namespace
