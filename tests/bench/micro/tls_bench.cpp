// Two TLS sessions joined in memory: records, their encryption, and whole handshakes.
#include <benchmark/benchmark.h>

#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

void tls_handshake(benchmark::State& state) {
  const TlsPairContexts contexts;
  for (auto _ : state) {
    TlsSession client = TlsSession::connect(contexts.client, "localhost");
    TlsSession server = TlsSession::accept(contexts.server);
    settle(client, server);
    if (client.state() != TlsSession::State::Open) {
      state.SkipWithError("no handshake");
    }
  }
}
BENCHMARK(tls_handshake)->Unit(benchmark::kMicrosecond);

struct OpenPair {
  OpenPair() { settle(client, server); }

  TlsPairContexts contexts;
  TlsSession client = TlsSession::connect(contexts.client, "localhost");
  TlsSession server = TlsSession::accept(contexts.server);
};

// Only the sender's half.
void tls_encrypt(benchmark::State& state) {
  OpenPair pair;
  const Bytes plain(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    pair.client.write(plain);
    ByteQueue& out = pair.client.outgoing();
    benchmark::DoNotOptimize(out.front().data());
    out.drop(out.size());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(tls_encrypt)->Arg(1024)->Arg(16 * 1024)->Arg(64 * 1024);

// Both halves, as one machine that runs both ends pays them.
void tls_carry(benchmark::State& state) {
  OpenPair pair;
  const Bytes plain(static_cast<std::size_t>(state.range(0)), 'x');
  Bytes buffer(128 * 1024);
  for (auto _ : state) {
    pair.client.write(plain);
    carry(pair.client, pair.server);
    std::size_t got = 0;
    for (std::size_t count = 0; (count = pair.server.read(buffer)) > 0;) {
      got += count;
    }
    if (got != plain.size()) {
      state.SkipWithError("bytes were lost");
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(tls_carry)->Arg(1024)->Arg(16 * 1024)->Arg(64 * 1024);

}  // namespace
