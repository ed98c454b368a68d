// A worker for tests of the server: dials and upgrades for real, then answers as told: by the path
// of the request, or by refusing or cutting what comes. Lives on the test's loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/io/stream.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tls/proof.hpp"
#include "common/tls/tls_context.hpp"
#include "common/tunnel/handshake.hpp"

namespace scpool {

class ScriptedWorker final : public StreamListener, public TunnelLinkListener {
 public:
  struct Place {
    Endpoint server;
    const TlsContext* trust = nullptr;
    TunnelId tunnel;
    Bytes secret;
    std::uint32_t index = 0;
    std::uint64_t epoch = 1;
  };

  ScriptedWorker(EventLoop& loop, Place place);

  // One stream of the worker's side.
  struct Exchange final : TunnelStreamListener {
    ScriptedWorker* worker = nullptr;
    StreamId stream;
    Fields head;
    std::string body;
    Fields trailers;
    bool ended = false;
    std::optional<H2Code> closed;
    std::size_t to_send = 0;  // of a generated body
    void on_head(Fields /*head*/) override {}
    void on_body(std::span<const ByteView> parts) override;
    void on_trailers(Fields fields) override { trailers = std::move(fields); }
    void on_end() override;
    void on_send_space() override { pour(); }
    void on_stream_closed(H2Code code) override { closed = code; }
    void pour();  // `to_send` bytes of 'x', then the end
    void answer(const Fields& more, std::string_view text);
  };

  std::function<void(Exchange&)> at_head;  // a request's head
  std::function<void(Exchange&)> at_end;   // all of a request
  bool echoes = false;                     // bodies go back as they come

  bool ready = false;
  int status = 0;  // of the upgrade's answer
  std::string answer_text;
  std::optional<Error> failure;
  std::vector<ControlMessage> controls;
  std::map<StreamId, std::unique_ptr<Exchange>> exchanges;
  std::size_t requests = 0;
  std::unique_ptr<TunnelLink> link;

  // As if the process were killed.
  void die() {
    link.reset();
    stream_.reset();
  }

 private:
  void on_open() override;
  void on_bytes(ByteView bytes) override;
  void on_end() override {}
  void on_failed(const Error& error) override { failure = error; }
  void on_link_ready() override { ready = true; }
  void on_request(StreamId stream, Fields head) override;
  void on_control(const ControlMessage& message) override {
    controls.push_back(message);
    if (const auto* drain = std::get_if<control::Drain>(&message)) {
      link->drain("asked to", drain->deadline);
    }
  }
  void on_suspect(bool /*suspect*/) override {}
  void on_link_suspended(const Error& /*why*/) override {}
  void on_link_closed(const Error& error) override { failure = error; }

  EventLoop& loop_;
  Place place_;
  std::unique_ptr<Stream> stream_;
  HeadParser parser_{HeadParser::Kind::Response};
};

}  // namespace scpool
