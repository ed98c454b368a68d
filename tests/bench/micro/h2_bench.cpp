// A client and a server session back to back over memory, without TLS: what HTTP/2 costs both.
#include <benchmark/benchmark.h>

#include <variant>

#include "common/h2/h2_session.hpp"
#include "common/h2/stream_credit.hpp"

using namespace scpool;

namespace {

const Fields kRequest = {{":method", "GET"},
                         {":scheme", "http"},
                         {":authority", "shop.example.com"},
                         {":path", "/products/4711?colour=green&size=42"},
                         {"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
                         {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9"},
                         {"cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"},
                         {"tunnel-request-id", "8d5f7f0a9b3c"}};
const Fields kResponse = {{":status", "200"},
                          {"server", "nginx/1.22.1"},
                          {"date", "Fri, 20 Nov 2026 07:00:00 GMT"},
                          {"content-type", "text/html; charset=utf-8"},
                          {"content-length", "1024"}};

struct Pair {
  explicit Pair(const H2Settings& settings = {})
      : client(H2Role::Client, settings), server(H2Role::Server, settings) {}

  H2Session client;
  H2Session server;
  std::size_t received = 0;  // body bytes at the client
  std::size_t finished = 0;  // streams at the client
  ByteQueue wire;

  template <class OnEvent>
  bool carry(H2Session& from, H2Session& to, OnEvent on_event) {
    constexpr std::size_t kBatch = 128 * 1024;
    from.pull(wire, kBatch);
    const bool any = !wire.empty();
    while (!wire.empty()) {
      auto events = to.receive(wire.front());
      for (const H2Event& event : events.value()) {
        on_event(event);
      }
      wire.drop(wire.front().size());
    }
    return any;
  }

  void to_client() {
    carry(server, client, [this](const H2Event& event) {
      if (const auto* data = std::get_if<h2::DataReceived>(&event)) {
        received += data->data.size();
        client.consumed(data->stream, data->data.size());
      } else if (std::holds_alternative<h2::StreamClosed>(event)) {
        ++finished;
      }
    });
    finished += count_closed(client.take_events());
    server.take_events();
  }

  template <class OnRequest>
  void to_server(OnRequest on_request) {
    carry(client, server, [&](const H2Event& event) {
      if (const auto* request = std::get_if<h2::RequestReceived>(&event)) {
        on_request(request->stream);
      }
    });
  }

  static std::size_t count_closed(const std::vector<H2Event>& events) {
    std::size_t count = 0;
    for (const H2Event& event : events) {
      count += std::holds_alternative<h2::StreamClosed>(event) ? 1U : 0U;
    }
    return count;
  }
};

// So many requests at once, each answered with 1 KiB.
void h2_requests(benchmark::State& state) {
  const auto at_once = static_cast<std::size_t>(state.range(0));
  const Bytes body(1024, 'x');
  Pair pair;
  for (auto _ : state) {
    pair.finished = 0;
    for (std::size_t i = 0; i < at_once; ++i) {
      benchmark::DoNotOptimize(pair.client.open(kRequest, true));
    }
    while (pair.finished < at_once) {
      pair.to_server([&](StreamId stream) {
        pair.server.respond(stream, kResponse, false);
        pair.server.send(stream, body, true);
      });
      pair.to_client();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(at_once));
}
BENCHMARK(h2_requests)->Arg(1)->Arg(16);

// One download: DATA frames, window updates, both sessions' work.
void h2_download(benchmark::State& state) {
  H2Settings settings;
  settings.max_frame_size = static_cast<std::uint32_t>(state.range(0));
  Pair pair(settings);
  StreamId stream{};
  benchmark::DoNotOptimize(pair.client.open(kRequest, true));
  for (int turn = 0; turn < 3; ++turn) {
    pair.to_server([&](StreamId asked) { stream = asked; });
    pair.to_client();
  }
  pair.server.respond(stream, {{":status", "200"}}, false);
  const Bytes piece(64 * 1024, 'x');
  for (auto _ : state) {
    pair.server.send(stream, piece, false);
    while (pair.server.unsent(stream) > 0) {
      pair.to_client();
      pair.to_server([](StreamId) {});
    }
  }
  if (pair.received == 0) {
    state.SkipWithError("nothing came");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(pair.received));
}
BENCHMARK(h2_download)->Arg(16 * 1024)->Arg(32 * 1024);

void stream_credit(benchmark::State& state) {
  StreamCredit credit(limits::kInitialStreamWindow);
  Instant now{std::chrono::seconds{1}};
  for (auto _ : state) {
    now += std::chrono::microseconds{50};
    const auto wish = credit.consumed(16 * 1024, now, std::chrono::milliseconds{50});
    benchmark::DoNotOptimize(wish);
  }
}
BENCHMARK(stream_credit);

void send_order(benchmark::State& state) {
  SendOrder order;
  for (int stream = 0; stream < 50; ++stream) {
    order.add_behind(StreamId{2 * stream + 1});
  }
  for (auto _ : state) {
    const auto next = order.next();
    order.add_behind(*next);
    benchmark::DoNotOptimize(next);
  }
}
BENCHMARK(send_order);

}  // namespace
