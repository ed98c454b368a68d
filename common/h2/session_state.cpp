#include "common/h2/session_state.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "common/base/check.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kMaxOutboundQueue = 5000;
constexpr std::size_t kBulkBegins = 64 * 1024;

std::uint32_t nghttp2_code(H2Code code) {
  return static_cast<std::uint32_t>(code);
}

void submit_settings(SessionState& state) {
  const H2Settings& settings = state.settings;
  std::vector<nghttp2_settings_entry> entries = {
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, settings.max_frame_size},
      {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits::kHeaderTableSize},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kMaxHeaderListSize},
  };
  if (state.role == H2Role::Client) {
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  } else {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams});
    if (settings.enable_connect_protocol) {
      entries.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
    }
  }
  SCPOOL_CHECK(nghttp2_submit_settings(
                   state.native, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
  SCPOOL_CHECK(nghttp2_session_set_local_window_size(
                   state.native,
                   NGHTTP2_FLAG_NONE,
                   0,
                   static_cast<std::int32_t>(settings.connection_window)) == 0);
}

}  // namespace

SessionState::SessionState(H2Role its_role, const H2Settings& its_settings)
    : role(its_role), settings(its_settings), connection_window(its_settings.connection_window) {
  native = make_native_session(*this);
  submit_settings(*this);
}

SessionState::~SessionState() {
  nghttp2_session_del(native);
}

StreamState* SessionState::find(StreamId stream) {
  const auto* found = streams.find(stream);
  return found == nullptr ? nullptr : found->get();
}

StreamState& SessionState::add(StreamId stream) {
  std::unique_ptr<StreamState>& state = streams[stream];
  if (state == nullptr) {
    state = StreamState::take(settings.stream_window);
  }
  return *state;
}

void SessionState::submit_reset(StreamId stream, StreamState& state, H2Code code) {
  state.reset_by_us = true;
  state.offered = false;
  unsent_total -= state.unsent.size();
  state.unsent.clear();
  release_held(state);
  nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, stream.value, nghttp2_code(code));
}

void SessionState::count_body(StreamState& state, std::size_t length) {
  const std::size_t first = std::min<std::size_t>(length, kBulkBegins - state.begun);
  state.begun += static_cast<std::uint32_t>(first);
  bulk_total += length - first;
}

void SessionState::head_received(StreamId stream, bool request, bool end) {
  StreamState* state = find(stream);
  if (state == nullptr || state->reset_by_us || stream != incoming.stream) {
    return;
  }
  Fields fields = std::exchange(incoming.fields, Fields());
  if (request) {
    state->known = true;
    events.emplace_back(RequestReceived{stream, std::move(fields)});
  } else if (role == H2Role::Client && !fields.empty() && fields[0].name == ":status") {
    events.emplace_back(HeadReceived{stream, std::move(fields)});
  } else {
    events.emplace_back(TrailersReceived{stream, std::move(fields)});
  }
  if (end) {
    end_received(stream);
  }
}

bool SessionState::field_received(std::string_view name, std::string_view value) {
  constexpr std::size_t kOverhead = 32;  // RFC 9113 section 6.5.2
  incoming.size += name.size() + value.size() + kOverhead;
  if (incoming.size > limits::kMaxHeaderListSize) {
    return false;
  }
  incoming.fields.add(name, value);
  return true;
}

void SessionState::data_received(StreamId stream, ByteView data) {
  StreamState* state = find(stream);
  if (state == nullptr || state->reset_by_us) {
    return;
  }
  if (state->held == 0) {
    state->last_progress = ++consumptions;
  }
  state->held += data.size();
  held_total += data.size();
  count_body(*state, data.size());
  events.emplace_back(DataReceived{stream, data});
}

void SessionState::end_received(StreamId stream) {
  StreamState* state = find(stream);
  if (state != nullptr && !state->reset_by_us) {
    state->end_received = true;
    events.emplace_back(EndReceived{stream});
  }
}

void SessionState::reset_received(StreamId stream, H2Code code) {
  // nghttp2 counts in server sessions, and closes those itself.
  const StreamState* state = find(stream);
  const bool harmless = code == H2Code::RefusedStream ||
                        (code == H2Code::NoError && state != nullptr && state->end_received);
  if (role == H2Role::Client && !harmless) {
    calm_down |= !resets_allowed.take(now);
  }
}

void SessionState::reset_sent(StreamId stream) {
  const StreamState* state = find(stream);
  if (state == nullptr || !state->reset_by_us) {
    calm_down |= !resets_allowed.take(now);  // the peer made us (CVE-2025-8671)
  }
}

void SessionState::end_sent(StreamId stream) {
  if (StreamState* state = find(stream)) {
    state->end_sent = true;
    if (state->reset_after_end) {
      resets_due.push_back(stream);
    }
  }
}

void SessionState::closed(StreamId stream, H2Code code) {
  auto* const found = streams.find(stream);
  if (found == nullptr) {
    return;
  }
  StreamState& state = **found;
  const bool complete = role == H2Role::Client ? state.end_received : state.end_sent;
  if (code == H2Code::NoError && !complete) {
    code = H2Code::Cancel;
  }
  unsent_total -= state.unsent.size();
  release_held(state);
  if (state.known) {
    events.emplace_back(StreamClosed{stream, code});
  }
  StreamState::keep(std::move(*found));
  streams.erase(stream);
}

void SessionState::release_held(StreamState& state) {
  held_total -= state.held;
  state.held = 0;
}

// Window updates are sent for an eighth of the window, not by nghttp2's consume calls, which wait
// for half of it and thereby leave half of a long path empty. What nghttp2 received and nobody
// holds is owed, so padding and data of ended streams are never forgotten.
void SessionState::give_credit(StreamId stream, const StreamState& state) {
  const std::int32_t received =
      nghttp2_session_get_stream_effective_recv_data_length(native, stream.value);
  const std::int32_t owed = received - static_cast<std::int32_t>(state.held);
  if (!state.end_received && owed >= static_cast<std::int32_t>(state.credit.window() / 8)) {
    nghttp2_submit_window_update(native, NGHTTP2_FLAG_NONE, stream.value, owed);
  }
}

void SessionState::settle_credit() {
  const auto window = static_cast<std::int32_t>(connection_window);
  const std::int32_t owed = nghttp2_session_get_effective_recv_data_length(native);
  while (held_total > settings.max_held && owed > window / 2) {
    const auto slowest =
        std::min_element(streams.begin(), streams.end(), [](const auto& left, const auto& right) {
          return left.second->stalled_since() < right.second->stalled_since();
        });
    SCPOOL_CHECK(slowest != streams.end());
    submit_reset(slowest->first, *slowest->second, H2Code::EnhanceYourCalm);
  }
  if (held_total <= settings.max_held && owed >= window / 8) {
    nghttp2_submit_window_update(native, NGHTTP2_FLAG_NONE, 0, owed);
  }
}

void SessionState::end_connection(H2Code code, std::string sentence) {
  if (!failure.has_value()) {
    failure = Error(ErrorKind::Protocol, std::move(sentence));
    nghttp2_session_terminate_session(native, nghttp2_code(code));
  }
}

void SessionState::check_nuisance() {
  if (calm_down || nghttp2_session_get_outbound_queue_size(native) > kMaxOutboundQueue) {
    end_connection(H2Code::EnhanceYourCalm, "HTTP/2 peer causes more work than it is allowed");
  }
}

}  // namespace scpool::h2
