// A worker's gateway between a real pair of tunnel links and a site that the test plays by hand.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/tunnel_pair.hpp"
#include "worker/io/origin_gateway.hpp"

namespace scpool {

// The browser's side of one stream: keeps all it is told.
struct TunnelClient final : TunnelStreamListener {
  explicit TunnelClient(TunnelLink& its_link) : link(&its_link) {}
  virtual ~TunnelClient() = default;

  void on_head(Fields head) override { heads.push_back(std::move(head)); }
  void on_body(std::span<const ByteView> parts) override {
    for (const ByteView bytes : parts) {
      body += as_text(bytes);
      if (reading == Reading::AtOnce) {
        link->consumed(stream, bytes.size());
      }
    }
  }
  void on_trailers(Fields fields) override { trailers = std::move(fields); }
  void on_end() override { ended = true; }
  void on_send_space() override {
    while (to_send > 0 && link->unsent(stream) < limits::kStreamSendBuffer) {
      const std::string piece(std::min<std::size_t>(to_send, 64 * 1024), 'u');
      to_send -= piece.size();
      sent += piece.size();
      link->send(stream, as_bytes(piece), to_send == 0);
    }
  }
  void on_stream_closed(H2Code code) override { closed = code; }

  std::string status() const {
    return heads.empty() ? "" : std::string(heads.back().find(":status").value_or(""));
  }
  std::string field(std::string_view name) const {
    return heads.empty() ? "" : std::string(heads.back().find(name).value_or(""));
  }

  TunnelLink* link;
  StreamId stream;
  Reading reading = Reading::AtOnce;
  std::vector<Fields> heads;
  std::string body;
  std::optional<Fields> trailers;
  bool ended = false;
  std::optional<H2Code> closed;
  std::size_t to_send = 0;
  std::size_t sent = 0;
};

struct SiteWorld {
  explicit SiteWorld(worker::LocalhostPolicy localhost = worker::LocalhostPolicy::Allow)
      : pair(loop) {
    auto made = Listener::tcp(loop, {"127.0.0.1", 0}, [this](std::unique_ptr<Stream> stream) {
      if (site_tls != nullptr) {
        stream->start_tls(TlsSession::accept(*site_tls));
      }
      site.push_back(std::make_unique<RecordedStream>(std::move(stream)));
    });
    REQUIRE(made.ok());
    listener = std::move(made).value();
    config.localhost = localhost;
    config.log_http.proxy = worker::LogHttpMode::Headers;
    config.http.dial_timeout = std::chrono::seconds{25};
    config.http.dial_attempts = 1;
    config.http.idle_connection_timeout = std::chrono::seconds{90};
    pair.worker.at_request = [this](StreamId stream, const Fields& head) {
      if (gateway == nullptr) {
        make_gateway();
      }
      gateway->serve(*pair.worker.link, stream, head);
    };
    pair.wait_ready();
  }
  ~SiteWorld() { gateway.reset(); }

  void make_gateway() {
    gateway = std::make_unique<worker::OriginGateway>(
        loop,
        worker::OriginGatewaySettings{
            .config = &config,
            .site_tls = client_tls,
            .pseudonym = "worker-1",
            .own_endpoints = own_endpoints,
            .on_request_done =
                [this](const worker::RequestRecord& record) { records.push_back(record); }},
        figures);
  }

  std::string authority() const { return "127.0.0.1:" + std::to_string(listener->endpoint().port); }
  Fields head(std::string method, std::string path = "/", const Fields& extra = {}) const {
    Fields list = {{":method", std::move(method)},
                   {":scheme", site_tls == nullptr ? "http" : "https"},
                   {":authority", authority()},
                   {":path", std::move(path)}};
    for (const Field field : extra) {
      list.add(field.name, field.value);
    }
    return list;
  }
  Fields connect_head() const { return {{":method", "CONNECT"}, {":authority", authority()}}; }

  enum class Ends { Yes, No };
  TunnelClient& open(const Fields& list, Ends ends = Ends::Yes) {
    auto client = std::make_unique<TunnelClient>(*pair.server.link);
    client->stream = pair.server.link->open(list, ends == Ends::Yes, *client).value();
    return *clients.emplace_back(std::move(client));
  }
  void send(TunnelClient& client, std::string_view text, Ends ends = Ends::No) {
    pair.server.link->send(client.stream, as_bytes(text), ends == Ends::Yes);
  }

  [[nodiscard]] bool until(const std::function<bool()>& happened) {
    return run_until(loop, happened);
  }
  // The site's nth connection, when it has received something that ends so.
  RecordedStream& site_got(std::string_view ending, std::size_t connection = 0) {
    REQUIRE(until(
        [&] { return site.size() > connection && site[connection]->received.ends_with(ending); }));
    return *site[connection];
  }
  RecordedStream& site_connected(std::size_t connection = 0) {
    REQUIRE(until([&] { return site.size() > connection; }));
    return *site[connection];
  }
  void finished(TunnelClient& client) {
    REQUIRE(until([&] { return client.closed.has_value(); }));
  }

  EventLoop loop;
  worker::WorkerConfig config;
  worker::OriginFigures figures;
  std::vector<Endpoint> own_endpoints;
  const TlsContext* client_tls = nullptr;
  const TlsContext* site_tls = nullptr;
  TunnelPair pair;
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<RecordedStream>> site;
  std::vector<std::unique_ptr<TunnelClient>> clients;
  std::vector<worker::RequestRecord> records;
  std::unique_ptr<worker::OriginGateway> gateway;
};

}  // namespace scpool
