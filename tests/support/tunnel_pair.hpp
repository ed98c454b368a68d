// Two tunnel links joined by a real connection over loopback, and users of their streams that keep
// what they are told and can do something at each event.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/io/tunnel_link.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/tls_pair.hpp"

namespace scpool {

// Bytes that differ at every place within a long period, so that what is lost, doubled or swapped
// shows.
class PatternBytes {
 public:
  static ByteView at(std::size_t offset, std::size_t most) {
    static const Bytes block = make();
    const std::size_t start = offset % kPeriod;
    return ByteView(block).subspan(start, std::min(most, kPeriod - start));
  }
  static bool matches(std::size_t offset, ByteView bytes) {
    while (!bytes.empty()) {
      const ByteView expected = at(offset, bytes.size());
      if (std::memcmp(expected.data(), bytes.data(), expected.size()) != 0) {
        return false;
      }
      offset += expected.size();
      bytes = bytes.subspan(expected.size());
    }
    return true;
  }

 private:
  static constexpr std::size_t kPeriod = 251 * 1021;
  static Bytes make() {
    Bytes bytes(kPeriod);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13U);
    }
    return bytes;
  }
};

enum class Reading { AtOnce, Never };

// The user of one stream: sends `to_send` pattern bytes, checks those it gets.
struct TunnelUser final : TunnelStreamListener {
  explicit TunnelUser(TunnelLink& its_link) : link(&its_link) {}

  void start_sending(StreamId its_stream, std::size_t count) {
    stream = its_stream;
    to_send = count;
    pump();
  }
  void pump() {
    while (sent < to_send && link->unsent(stream) < limits::kStreamSendBuffer) {
      const ByteView piece = PatternBytes::at(sent, to_send - sent);
      sent += piece.size();
      link->send(stream, piece, sent == to_send);
    }
  }

  void on_head(Fields head) override {
    heads.push_back(std::move(head));
    call(at_head);
  }
  void on_body(std::span<const ByteView> parts) override {
    for (const ByteView bytes : parts) {
      intact = intact && PatternBytes::matches(received, bytes);
      received += bytes.size();
      if (reading == Reading::AtOnce) {
        link->consumed(stream, bytes.size());
      }
    }
    call(at_body);
  }
  void on_trailers(Fields fields) override { trailers = std::move(fields); }
  void on_end() override {
    ended = true;
    call(at_end);
  }
  void on_send_space() override { pump(); }
  void on_stream_closed(H2Code code) override {
    closed = code;
    call(at_closed);
  }
  static void call(const std::function<void()>& action) {
    if (action) {
      const std::function<void()> kept = action;
      kept();
    }
  }

  TunnelLink* link;
  StreamId stream;
  Reading reading = Reading::AtOnce;
  std::size_t to_send = 0;
  std::size_t sent = 0;
  std::size_t received = 0;
  bool intact = true;
  bool ended = false;
  std::vector<Fields> heads;
  std::optional<Fields> trailers;
  std::optional<H2Code> closed;
  std::function<void()> at_head, at_body, at_end, at_closed;
};

struct TunnelEnd final : TunnelLinkListener {
  void on_link_ready() override {
    ++ready;
    TunnelUser::call(at_ready);
  }
  void on_request(StreamId stream, Fields head) override {
    const std::string path(head.find(":path").value_or(""));
    if (path == "/.well-known/tunnel-canary") {
      ++canaries;
      if (answer_canaries) {
        link->respond(stream, {{":status", "204"}}, true);
      }
      return;
    }
    requests.push_back(stream);
    if (at_request) {
      at_request(stream, head);
    }
  }
  void on_control(const ControlMessage& message) override {
    controls.push_back(message);
    const auto* drain = std::get_if<control::Drain>(&message);
    if (drain != nullptr && !link->figures().draining) {
      link->drain("asked to", drain->deadline);
    }
  }
  void on_suspect(bool suspect) override { suspicions.push_back(suspect); }
  void on_link_suspended(const Error& why) override { suspensions.push_back(why); }
  void on_link_closed(const Error& error) override {
    failure = error;
    TunnelUser::call(at_closed);
  }

  // A user for each request, which answers at once with `size` bytes of pattern.
  void serve(std::size_t size) {
    at_request = [this, size](StreamId stream, const Fields&) {
      auto user = std::make_unique<TunnelUser>(*link);
      link->attach(stream, *user);
      link->respond(stream, {{":status", "200"}}, size == 0);
      if (size > 0) {
        user->start_sending(stream, size);
      } else {
        user->stream = stream;
      }
      users[stream] = std::move(user);
    };
  }
  TunnelUser& open(std::size_t upload = 0) {
    auto user = std::make_unique<TunnelUser>(*link);
    const Fields head = {{":method", upload == 0 ? "GET" : "POST"},
                         {":scheme", "http"},
                         {":authority", "site.test"},
                         {":path", "/"}};
    const StreamId stream = link->open(head, upload == 0, *user).value();
    user->stream = stream;
    if (upload > 0) {
      user->start_sending(stream, upload);
    }
    return *(users[stream] = std::move(user));
  }
  bool all_closed() const {
    return std::all_of(users.begin(), users.end(), [](const auto& entry) {
      return entry.second->closed.has_value();
    });
  }

  std::unique_ptr<TunnelLink> link;
  std::map<StreamId, std::unique_ptr<TunnelUser>> users;
  std::vector<StreamId> requests;
  std::vector<ControlMessage> controls;
  std::vector<bool> suspicions;
  std::vector<Error> suspensions;
  std::optional<Error> failure;
  int ready = 0;
  int canaries = 0;
  bool answer_canaries = true;
  std::function<void()> at_ready, at_closed;
  std::function<void(StreamId, const Fields&)> at_request;
};

enum class Wire { Plain, Encrypted };

struct TunnelPair {
  explicit TunnelPair(EventLoop& its_loop,
                      Wire wire = Wire::Plain,
                      const TunnelLinkSettings& settings = {})
      : loop(its_loop), sockets(its_loop) {
    sockets.wait(loop);
    if (wire == Wire::Encrypted) {
      contexts = std::make_unique<TlsPairContexts>();
      sockets.server->stream->start_tls(TlsSession::accept(contexts->server));
      sockets.client->stream->start_tls(TlsSession::connect(contexts->client, "localhost"));
      run_until(loop,
                [this] { return sockets.server->opened == 1 && sockets.client->opened == 2; });
    }
    TunnelLinkSettings of_server = settings;
    of_server.side = TunnelLinkSettings::Side::Server;
    TunnelLinkSettings of_worker = settings;
    of_worker.side = TunnelLinkSettings::Side::Worker;
    server_socket = sockets.server->stream->descriptor();
    // The worker dialled; in HTTP/2 it is the server.
    server.link = std::make_unique<TunnelLink>(
        loop, std::move(sockets.server->stream), ByteView(), of_server, server);
    worker.link = std::make_unique<TunnelLink>(
        loop, std::move(sockets.client->stream), ByteView(), of_worker, worker);
  }
  void wait_ready() {
    REQUIRE(run_until(loop, [this] { return server.ready == 1 && worker.ready == 1; }));
  }

  EventLoop& loop;
  std::unique_ptr<TlsPairContexts> contexts;
  ConnectedPair sockets;
  int server_socket = -1;
  TunnelEnd server;
  TunnelEnd worker;
};

}  // namespace scpool
