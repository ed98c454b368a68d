// nghttp2's callbacks: translate and append.
#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "common/base/check.hpp"
#include "common/h2/session_state.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kUsualFieldCount = 16;
constexpr std::size_t kUsualFieldBytes = 512;

SessionState& state_of(void* user_data) {
  return *static_cast<SessionState*>(user_data);
}

void odd_frame(SessionState& state) noexcept {
  state.calm_down |= !state.oddities_allowed.take(state.now);
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) noexcept {
  SessionState& state = state_of(user_data);
  const StreamId stream{frame->hd.stream_id};
  state.incoming = {stream, {}, 0};
  state.incoming.fields.reserve(kUsualFieldCount, kUsualFieldBytes);
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    state.add(stream);
  }
  return 0;
}

int on_header(nghttp2_session*,
              const nghttp2_frame*,
              const std::uint8_t* name,
              std::size_t name_size,
              const std::uint8_t* value,
              std::size_t value_size,
              std::uint8_t,
              void* user_data) noexcept {
  // The failure resets the stream, and nghttp2 drops the rest of the list.
  return state_of(user_data).field_received(as_text({name, name_size}),
                                            as_text({value, value_size}))
             ? 0
             : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// nghttp2 would leave out what is not a valid field and go on; we refuse the message.
int on_invalid_header(nghttp2_session*,
                      const nghttp2_frame*,
                      const std::uint8_t*,
                      std::size_t,
                      const std::uint8_t*,
                      std::size_t,
                      std::uint8_t,
                      void*) noexcept {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int on_data_chunk(nghttp2_session*,
                  std::uint8_t,
                  std::int32_t stream,
                  const std::uint8_t* data,
                  std::size_t size,
                  void* user_data) noexcept {
  state_of(user_data).data_received(StreamId{stream}, {data, size});
  return 0;
}

void settings_received(SessionState& state, const nghttp2_frame& frame) noexcept {
  if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0 && !state.settings_seen) {
    state.settings_seen = true;
    state.events.emplace_back(SettingsReceived{});
  }
}

int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user_data) noexcept {
  SessionState& state = state_of(user_data);
  const StreamId stream{frame->hd.stream_id};
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      state.head_received(stream, frame->headers.cat == NGHTTP2_HCAT_REQUEST, end);
      break;
    case NGHTTP2_DATA:
      if (end) {
        state.end_received(stream);
      } else if (frame->hd.length == frame->data.padlen) {
        odd_frame(state);  // empty and no end: costs us work and says nothing
      }
      break;
    case NGHTTP2_RST_STREAM:
      state.reset_received(stream, static_cast<H2Code>(frame->rst_stream.error_code));
      break;
    case NGHTTP2_SETTINGS:
      settings_received(state, *frame);
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        std::uint64_t opaque = 0;
        for (const std::uint8_t byte : frame->ping.opaque_data) {
          opaque = opaque << 8U | byte;
        }
        state.events.emplace_back(PingAcknowledged{opaque});
      }
      break;
    case NGHTTP2_GOAWAY:
      state.events.emplace_back(GoawayReceived{StreamId{frame->goaway.last_stream_id},
                                               static_cast<H2Code>(frame->goaway.error_code)});
      break;
    case NGHTTP2_PRIORITY:
      odd_frame(state);  // both sides said that they do not use it
      break;
    default:
      break;
  }
  return 0;
}

int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user_data) noexcept {
  odd_frame(state_of(user_data));
  return 0;
}

int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user_data) noexcept {
  SessionState& state = state_of(user_data);
  const StreamId stream{frame->hd.stream_id};
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    state.reset_sent(stream);
  } else if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
             !state.failure.has_value()) {
    const std::string_view reason =
        as_text({frame->goaway.opaque_data, frame->goaway.opaque_data_len});
    state.failure = Error(ErrorKind::Protocol,
                          "HTTP/2 connection error " +
                              std::string(to_text(static_cast<H2Code>(frame->goaway.error_code))) +
                              (reason.empty() ? "" : ": ") + std::string(reason));
  } else if (frame->hd.type == NGHTTP2_HEADERS) {
    if (StreamState* known = state.find(stream)) {
      known->head_sent = true;
      known->head = Fields();
    }
  }
  if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    state.end_sent(stream);
  }
  return 0;
}

int on_frame_not_send(nghttp2_session* session, const nghttp2_frame* frame, int, void*) noexcept {
  // A response or trailers that cannot be written: the stream would wait for ever. For a request
  // nghttp2 closes the stream by itself.
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
    nghttp2_submit_rst_stream(
        session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

int on_stream_close(nghttp2_session*,
                    std::int32_t stream,
                    std::uint32_t code,
                    void* user_data) noexcept {
  state_of(user_data).closed(StreamId{stream}, static_cast<H2Code>(code));
  return 0;
}

// DATA frames as large as the peer takes and the windows allow; nghttp2 would cut at 16 KiB. Never
// more than there is: nghttp2 makes room for a frame of this size, and keeps it.
ssize_t read_length(nghttp2_session*,
                    std::uint8_t,
                    std::int32_t stream,
                    std::int32_t connection_credit,
                    std::int32_t stream_credit,
                    std::uint32_t peer_max_frame,
                    void* user_data) noexcept {
  const std::size_t unsent = state_of(user_data).next_frame(StreamId{stream});
  return std::min<ssize_t>({std::max<ssize_t>(1, static_cast<ssize_t>(unsent)),
                            connection_credit,
                            stream_credit,
                            static_cast<ssize_t>(peer_max_frame),
                            static_cast<ssize_t>(limits::kDataFrame)});
}

int send_data(nghttp2_session*,
              nghttp2_frame* frame,
              const std::uint8_t* frame_head,
              std::size_t length,
              nghttp2_data_source*,
              void* user_data) noexcept {
  constexpr std::size_t kFrameHeadSize = 9;
  const bool batch_full = state_of(user_data).take_body(
      StreamId{frame->hd.stream_id}, {frame_head, kFrameHeadSize}, length);
  return batch_full ? NGHTTP2_ERR_PAUSE : 0;
}

nghttp2_option* make_options() {
  nghttp2_option* option = nullptr;
  SCPOOL_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, limits::kHeaderTableSize);
  return option;
}

SessionMemory& memory_of(void* user) {
  return *static_cast<SessionMemory*>(user);
}

nghttp2_mem make_memory(SessionMemory& memory) {
  nghttp2_mem functions{};
  functions.mem_user_data = &memory;
  functions.malloc = [](std::size_t size, void* user) noexcept {
    return memory_of(user).allocate(size);
  };
  functions.calloc = [](std::size_t count, std::size_t size, void* user) noexcept {
    return memory_of(user).allocate_zeroed(count, size);
  };
  functions.realloc = [](void* address, std::size_t size, void* user) noexcept {
    return memory_of(user).resize(address, size);
  };
  functions.free = [](void* address, void* user) noexcept { memory_of(user).release(address); };
  return functions;
}

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  SCPOOL_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, read_length);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
  return callbacks;
}

}  // namespace

nghttp2_session* make_native_session(SessionState& state) {
  nghttp2_option* option = make_options();
  nghttp2_session_callbacks* callbacks = make_callbacks();
  nghttp2_session* session = nullptr;
  const auto make =
      state.role == H2Role::Client ? nghttp2_session_client_new3 : nghttp2_session_server_new3;
  nghttp2_mem memory = make_memory(state.memory);
  SCPOOL_CHECK(make(&session, callbacks, &state, option, &memory) == 0);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  return session;
}

}  // namespace scpool::h2
