// What a stream of a tunnel connection tells its user, and asks of him.
#pragma once

#include "common/base/byte_parts.hpp"
#include "common/h2/h2_event.hpp"

namespace scpool {

// Whoever uses one stream. It may reset its stream or destroy itself from inside any call; after
// forget() or on_stream_closed it is not called again.
class TunnelStreamListener {
 public:
  TunnelStreamListener() = default;
  TunnelStreamListener(const TunnelStreamListener&) = delete;
  TunnelStreamListener& operator=(const TunnelStreamListener&) = delete;

  virtual void on_head(Fields head) = 0;  // server side: the response, 1xx too
  // What came together, in order: 1 to kMaxBodyParts pieces, valid during the call. The user calls
  // TunnelLink::consumed when it has passed the bytes on.
  virtual void on_body(std::span<const ByteView> parts) = 0;
  virtual void on_trailers(Fields trailers) = 0;
  virtual void on_end() = 0;
  virtual void on_send_space() = 0;
  // After TunnelLink::offer, as BodySource::fill: it may call nothing of the link, and must stay.
  virtual std::size_t on_turn(Room /*room*/) { return 0; }
  virtual void on_stream_closed(H2Code code) = 0;

 protected:
  ~TunnelStreamListener() = default;
};

}  // namespace scpool
