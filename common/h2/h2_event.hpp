// What an HTTP/2 session tells its user, and the codes with which streams and connections end.
// Values only; extra to the layout because users of streams need no more than this.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "common/base/bytes.hpp"
#include "common/base/ids.hpp"
#include "common/http/fields.hpp"

namespace scpool {

// RFC 9113 section 7.
enum class H2Code : std::uint32_t {
  NoError = 0,
  ProtocolError = 1,
  InternalError = 2,
  FlowControlError = 3,
  FrameSizeError = 6,
  RefusedStream = 7,
  Cancel = 8,
  CompressionError = 9,
  ConnectError = 10,
  EnhanceYourCalm = 11,
};

std::string_view to_text(H2Code code);

namespace h2 {

struct RequestReceived {  // Server role
  StreamId stream;
  Fields head;
};
struct HeadReceived {  // Client role: a response head, 1xx too
  StreamId stream;
  Fields head;
};
struct DataReceived {
  StreamId stream;
  ByteView data;  // part of the bytes given to receive(); valid until the next call of it
};
struct TrailersReceived {
  StreamId stream;
  Fields trailers;
};
struct EndReceived {
  StreamId stream;
};
// Unsent bytes of the stream fell below half of limits::kStreamSendBuffer after they had reached
// it.
struct SendSpace {
  StreamId stream;
};
// The last event of a stream. `code` is NoError after a complete exchange; a stream the peer never
// processed (GOAWAY below its id, REFUSED_STREAM) says RefusedStream.
struct StreamClosed {
  StreamId stream;
  H2Code code;
};
struct PingAcknowledged {
  std::uint64_t opaque;
};
struct GoawayReceived {
  StreamId last_stream;
  H2Code code;
};
struct SettingsReceived {};  // the peer's first SETTINGS: its limits are known now

}  // namespace h2

using H2Event = std::variant<h2::RequestReceived,
                             h2::HeadReceived,
                             h2::DataReceived,
                             h2::TrailersReceived,
                             h2::EndReceived,
                             h2::SendSpace,
                             h2::StreamClosed,
                             h2::PingAcknowledged,
                             h2::GoawayReceived,
                             h2::SettingsReceived>;

}  // namespace scpool
