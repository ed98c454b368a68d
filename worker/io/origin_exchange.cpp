#include "worker/io/origin_exchange.hpp"

#include <algorithm>
#include <array>

#include "common/base/byte_parts.hpp"
#include "worker/core/request_rules.hpp"

namespace scpool::worker {

OriginExchange::OriginExchange(OriginContext& context,
                               TunnelPlace place,
                               TunnelRequest&& request,
                               std::string&& id)
    : OriginRelay(context, place, std::move(request), std::move(id)),
      head_taken_(context.loop, [this] { start(Upload::Chunked); }) {}

void OriginExchange::begin() {
  Fields& fields = request().head.fields;
  if (fields.contains("TE")) {
    fields.add("Connection", "TE");  // RFC 9110 section 10.1.4
  }
  if (request().kind == TunnelRequest::Kind::WebSocket) {
    websocket_key_ = new_websocket_key();
    add_websocket_fields(request().head, websocket_key_);
    start(Upload::None);
  } else if (fields.contains("Content-Length")) {
    start(fields.find("Content-Length") == "0" ? Upload::None : Upload::Length);
  } else if (fields.contains("Expect")) {
    start(Upload::Chunked);
  } else {
    // The stream's end, when there is no body, comes with the same bytes as its head.
    head_taken_.arm();
  }
}

void OriginExchange::start(Upload upload) {
  if (finished() || started_) {
    return;
  }
  started_ = true;
  upload_ = upload;
  if (upload == Upload::Chunked) {
    request().head.fields.add("Transfer-Encoding", "chunked");
  }
  if (LoggedFields* logged = logged_fields()) {
    logged->request = request().head.fields;
  }
  // Only what may be sent twice goes on a kept connection, since the site may just be closing it.
  const bool repeatable = upload == Upload::None && is_idempotent(request().head.method) &&
                          request().kind == TunnelRequest::Kind::Exchange;
  auto kept = repeatable ? take_kept() : nullptr;
  if (kept != nullptr) {
    reused_ = true;
    use_site(std::move(kept));
  } else {
    dial();
  }
}

void OriginExchange::on_site_connected() {
  send_head();
  if (request().kind == TunnelRequest::Kind::WebSocket) {
    await_response_head();  // early bytes wait for the 101
    return;
  }
  while (!finished() && has_site() && !early().empty()) {
    const ByteView bytes = early().front();
    send_body({&bytes, 1});
    early().drop(bytes.size());
  }
  if (request_ended_) {
    finish_upload();
  }
}

void OriginExchange::send_head() {
  std::string& text = context().head_text;
  text.clear();
  write_head(request().head, text);
  const ByteView bytes = as_bytes(text);
  sent_head_ = true;
  pass_to_site({&bytes, 1}, 0);
}

void OriginExchange::send_body(std::span<const ByteView> parts) {
  const std::size_t size = total_size(parts);
  if (upload_ != Upload::Chunked) {
    pass_to_site(parts, size);
    return;
  }
  std::string start;
  append_chunk_start(size, start);
  std::array<ByteView, kMaxBodyParts + 2> chunk{as_bytes(start)};
  *std::copy(parts.begin(), parts.end(), chunk.begin() + 1) = as_bytes("\r\n");
  pass_to_site(std::span(chunk).first(parts.size() + 2), size);
}

void OriginExchange::finish_upload() {
  if (upload_ == Upload::Chunked && has_site()) {
    std::string text;
    append_last_chunk(request_trailers_, text);
    const ByteView bytes = as_bytes(text);
    pass_to_site({&bytes, 1}, 0);
  }
  await_response_head();
}

void OriginExchange::await_response_head() {
  const Duration limit = context().settings.config->http.response_header_timeout;
  if (finished() || reader_ || limit <= Duration::zero()) {
    return;
  }
  start_deadline(limit);
}

void OriginExchange::on_deadline() {
  if (upgraded_) {
    OriginRelay::on_deadline();
    return;
  }
  if (!waiting_head_.empty()) {
    pass_head();
    return;
  }
  answer_error({ProxyErrorReason::HttpResponseTimeout,
                ProxyErrorOrigin::Site,
                "the site did not begin its answer in time"});
}

void OriginExchange::on_body(std::span<const ByteView> parts) {
  if (upgraded_) {
    OriginRelay::on_body(parts);
    return;
  }
  if (total_size(parts) == 0 || finished()) {
    return;
  }
  start(Upload::Chunked);
  if (finished()) {
    return;
  }
  if (request().kind == TunnelRequest::Kind::WebSocket || !sent_head_) {
    for (const ByteView part : parts) {
      early().append(part);  // a WebSocket's bytes wait for the 101
    }
  } else if (has_site()) {
    send_body(parts);
  }
}

void OriginExchange::on_trailers(Fields trailers) {
  request_trailers_ = from_h2_trailers(std::move(trailers));
}

void OriginExchange::on_end() {
  if (upgraded_ || request().kind == TunnelRequest::Kind::WebSocket) {
    OriginRelay::on_end();
    return;
  }
  request_ended_ = true;
  if (!started_) {
    start(Upload::None);
    return;
  }
  if (!sent_head_ || finished()) {
    return;
  }
  finish_upload();
  release_when_done();
}

void OriginExchange::on_stream_closed(H2Code code) {
  if (upgraded_) {
    OriginRelay::on_stream_closed(code);
    return;
  }
  detached();
  finish();
}

}  // namespace scpool::worker
