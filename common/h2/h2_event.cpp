#include "common/h2/h2_event.hpp"

#include <nghttp2/nghttp2.h>

namespace scpool {

std::string_view to_text(H2Code code) {
  switch (code) {
    case H2Code::NoError:
      return "NO_ERROR";
    case H2Code::ProtocolError:
      return "PROTOCOL_ERROR";
    case H2Code::InternalError:
      return "INTERNAL_ERROR";
    case H2Code::FlowControlError:
      return "FLOW_CONTROL_ERROR";
    case H2Code::FrameSizeError:
      return "FRAME_SIZE_ERROR";
    case H2Code::RefusedStream:
      return "REFUSED_STREAM";
    case H2Code::Cancel:
      return "CANCEL";
    case H2Code::CompressionError:
      return "COMPRESSION_ERROR";
    case H2Code::ConnectError:
      return "CONNECT_ERROR";
    case H2Code::EnhanceYourCalm:
      return "ENHANCE_YOUR_CALM";
  }
  return nghttp2_http2_strerror(static_cast<std::uint32_t>(code));
}

}  // namespace scpool
