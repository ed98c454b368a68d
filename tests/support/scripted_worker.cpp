#include "tests/support/scripted_worker.hpp"

#include <algorithm>

namespace scpool {

ScriptedWorker::ScriptedWorker(EventLoop& loop, Place place)
    : loop_(loop), place_(std::move(place)), stream_(Stream::connect_tcp(loop, place_.server)) {
  stream_->set_listener(this);
  stream_->start_tls(TlsSession::connect(*place_.trust, "localhost"));
}

void ScriptedWorker::on_open() {
  UpgradeRequest request;
  request.tunnel = place_.tunnel;
  request.hello.instance = "5f0c9b7e-0000-4000-8000-000000000001";
  request.hello.connection = place_.index;
  request.hello.epoch = place_.epoch;
  request.hello.features = {"drain", "canary", "sync"};
  request.proof = tunnel_proof(
      place_.secret,
      stream_->tls()->channel_binding(),
      {place_.tunnel.value, request.hello.instance, request.hello.connection, request.hello.epoch});
  std::string text;
  write_head(upgrade_request_head(request, "localhost"), text);
  stream_->write(text);
}

void ScriptedWorker::on_bytes(ByteView bytes) {
  if (status != 0) {
    answer_text += as_text(bytes);
    return;
  }
  const std::size_t used = parser_.receive(bytes);
  if (parser_.state() != HeadParser::State::Done) {
    return;
  }
  status = parser_.response().status;
  if (status != 101) {
    answer_text = as_text(bytes.subspan(used));
    return;
  }
  TunnelLinkSettings settings;
  settings.side = TunnelLinkSettings::Side::Worker;
  stream_->pause_reading();
  link =
      std::make_unique<TunnelLink>(loop_, std::move(stream_), bytes.subspan(used), settings, *this);
}

void ScriptedWorker::on_request(StreamId stream, Fields head) {
  if (head.find(":path") == "/.well-known/tunnel-canary") {
    link->respond(stream, {{":status", "204"}}, true);
    return;
  }
  ++requests;
  auto exchange = std::make_unique<Exchange>();
  exchange->worker = this;
  exchange->stream = stream;
  exchange->head = std::move(head);
  Exchange& kept = *exchange;
  exchanges[stream] = std::move(exchange);
  link->attach(stream, kept);
  if (at_head) {
    at_head(kept);
  }
}

void ScriptedWorker::Exchange::on_body(std::span<const ByteView> parts) {
  for (const ByteView bytes : parts) {
    if (worker->echoes) {
      worker->link->send(stream, bytes, false);
    } else {
      body += as_text(bytes);
    }
    worker->link->consumed(stream, bytes.size());
  }
}

void ScriptedWorker::Exchange::on_end() {
  ended = true;
  if (worker->echoes) {
    worker->link->send(stream, {}, true);
  } else if (worker->at_end) {
    worker->at_end(*this);
  }
}

void ScriptedWorker::Exchange::answer(const Fields& more, std::string_view text) {
  Fields list{{":status", "200"}, {"content-length", std::to_string(text.size())}};
  for (const Field field : more) {
    list.add(field.name, field.value);
  }
  worker->link->respond(stream, list, text.empty());
  if (!text.empty()) {
    worker->link->send(stream, as_bytes(text), true);
  }
}

void ScriptedWorker::Exchange::pour() {
  static const std::string kPiece(16 * 1024, 'x');
  while (to_send > 0 && worker->link->unsent(stream) < limits::kStreamSendBuffer) {
    const std::size_t size = std::min(to_send, kPiece.size());
    to_send -= size;
    worker->link->send(stream, as_bytes(kPiece).first(size), to_send == 0);
  }
}

}  // namespace scpool
