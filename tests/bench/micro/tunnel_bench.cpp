// What lies between HTTP/2 and TLS, and the messages of the control stream.
#include <benchmark/benchmark.h>

#include "common/tunnel/carriage.hpp"
#include "common/tunnel/control_message.hpp"

using namespace scpool;

namespace {

// Batches as the pump hands them over.
void carriage(benchmark::State& state) {
  Carriage near;
  Carriage far;
  ByteQueue h2;
  ByteQueue wire;
  for (auto _ : state) {
    h2.append(Bytes(static_cast<std::size_t>(state.range(0)), 'x'));
    near.send(h2, wire);
    while (!wire.empty()) {
      benchmark::DoNotOptimize(far.receive(wire.front()));
      wire.drop(wire.front().size());
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(carriage)->Arg(1024)->Arg(64 * 1024);

void control_message(benchmark::State& state) {
  control::Sync sync;
  for (int stream = 1; stream < 100; stream += 2) {
    sync.streams.push_back(stream);
  }
  ControlReader reader;
  for (auto _ : state) {
    const std::string line = to_line(sync);
    const auto messages = reader.receive(as_bytes(line));
    if (!messages.ok() || messages.value().size() != 1) {
      state.SkipWithError("not one message");
    }
  }
}
BENCHMARK(control_message);

}  // namespace
