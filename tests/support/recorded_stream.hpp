// A stream whose events are kept for a test to look at, and which can do something at each of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/io/listener.hpp"
#include "common/io/stream.hpp"
#include "tests/support/run_until.hpp"

namespace scpool {

struct RecordedStream final : StreamListener {
  explicit RecordedStream(std::unique_ptr<Stream> taken) : stream(std::move(taken)) {
    stream->set_listener(this);
  }

  std::unique_ptr<Stream> stream;
  bool keep = true;  // false: only count
  std::string received;
  std::size_t received_size = 0;
  int opened = 0;
  int ended = 0;
  int drained = 0;
  int readable = 0;
  std::optional<Error> failure;
  std::function<void()> at_open, at_end, at_drained, at_failed, at_readable;
  std::function<void(ByteView)> at_bytes;

  void on_open() override {
    ++opened;
    call(at_open);
  }
  void on_bytes(ByteView bytes) override {
    received_size += bytes.size();
    if (keep) {
      received += as_text(bytes);
    }
    if (at_bytes) {
      const auto action = at_bytes;  // may destroy this
      action(bytes);
    }
  }
  void on_end() override {
    ++ended;
    call(at_end);
  }
  void on_readable() override {
    ++readable;
    call(at_readable);
  }
  void on_drained() override {
    ++drained;
    call(at_drained);
  }
  void on_failed(const Error& error) override {
    failure = error;
    call(at_failed);
  }

 private:
  // By value: the action may destroy this.
  static void call(std::function<void()> action) {  // NOLINT(performance-unnecessary-value-param)
    if (action) {
      action();
    }
  }
};

// Two ends of one connection over a listener on a free loopback port.
struct ConnectedPair {
  explicit ConnectedPair(EventLoop& loop) {
    auto made = Listener::tcp(loop, {"127.0.0.1", 0}, [this](std::unique_ptr<Stream> stream) {
      server = std::make_unique<RecordedStream>(std::move(stream));
    });
    REQUIRE(made.ok());
    listener = std::move(made).value();
    client = std::make_unique<RecordedStream>(Stream::connect_tcp(loop, listener->endpoint()));
  }
  void wait(EventLoop& loop) {
    run_until(loop, [this] { return server != nullptr && client->opened > 0; });
  }

  std::unique_ptr<Listener> listener;
  std::unique_ptr<RecordedStream> client;
  std::unique_ptr<RecordedStream> server;
};

}  // namespace scpool
