#include "worker/io/origin_relay.hpp"

#include "common/base/byte_parts.hpp"

namespace scpool::worker {

void OriginRelay::begin() {
  dial();
}

void OriginRelay::on_site_connected() {
  respond({{":status", "200"}}, 200, false);
  begin_relay();
}

void OriginRelay::begin_relay() {
  relaying_ = true;
  while (!early_.empty()) {
    const ByteView bytes = early_.front();
    pass_to_site({&bytes, 1}, bytes.size());
    early_.drop(bytes.size());
  }
  if (tunnel_ended_) {
    site().end();
    watch_half_closed();
  }
}

void OriginRelay::on_body(std::span<const ByteView> parts) {
  if (finished()) {
    return;
  }
  if (!relaying_) {
    for (const ByteView part : parts) {
      early_.append(part);
    }
    return;
  }
  pass_to_site(parts, total_size(parts));
  watch_half_closed();
}

void OriginRelay::on_trailers(Fields /*trailers*/) {}  // a byte stream has none

void OriginRelay::on_end() {
  tunnel_ended_ = true;
  if (relaying_ && !finished()) {
    site().end();
    watch_half_closed();
  }
}

void OriginRelay::on_site_bytes(ByteView bytes) {
  pass_to_tunnel(bytes, false);
  note_read(bytes.size());
  watch_half_closed();
}

void OriginRelay::on_plain_bytes(std::size_t /*count*/) {
  watch_half_closed();
}

void OriginRelay::on_site_end() {
  site_ended_ = true;
  pass_to_tunnel({}, true);
  watch_half_closed();
}

void OriginRelay::on_site_failed(const Error& error) {
  if (site_ended_ && tunnel_ended_) {
    finish();
    return;
  }
  break_off({ProxyErrorReason::ConnectionTerminated, ProxyErrorOrigin::Site, error.sentence()},
            H2Code::ConnectError);
}

// Both directions done: what the site's socket has not taken yet still goes out.
void OriginRelay::on_stream_closed(H2Code code) {
  detached();
  if (finished()) {
    return;
  }
  if (code == H2Code::NoError && tunnel_ended_ && site_ended_ && has_site()) {
    start_deadline(limits::kHalfCloseIdle);
    site().when_sent([this] { finish(); });
    return;
  }
  if (has_site()) {
    site().reset();
  }
  finish();
}

// With one direction ended the other may go on as long as something moves in it.
void OriginRelay::watch_half_closed() {
  if (finished() || (!tunnel_ended_ && !site_ended_)) {
    return;
  }
  start_deadline(limits::kHalfCloseIdle);
}

void OriginRelay::on_deadline() {
  if (!attached()) {
    finish();  // what the site does not take is lost
    return;
  }
  break_off({ProxyErrorReason::ConnectionReadTimeout,
             ProxyErrorOrigin::Site,
             "half closed and nothing moved for a minute"},
            H2Code::Cancel);
}

}  // namespace scpool::worker
