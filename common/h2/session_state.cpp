#include "common/h2/session_state.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "common/base/check.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kRecord = 16 * 1024;  // a full TLS record; batches end at its multiples
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kSmallestCut = 1024;  // no frame is cut shorter to fit a batch or a turn
constexpr std::size_t kMaxOutboundQueue = 5000;

std::uint32_t nghttp2_code(H2Code code) {
  return static_cast<std::uint32_t>(code);
}

// What was silent until now, ends with this frame, and so needs no turn: it would go first anyway.
bool is_whole_and_little(const StreamState& state, std::size_t most) {
  return state.turn == StreamState::Turn::Idle && state.end_queued &&
         state.unsent.size() <= std::min(most, limits::kDataFrame);
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
  const auto found = streams.find(stream);
  return found == streams.end() ? nullptr : &found->second;
}

StreamState& SessionState::add(StreamId stream) {
  return streams.try_emplace(stream, settings.stream_window).first->second;
}

void SessionState::submit_reset(StreamId stream, StreamState& state, H2Code code) {
  state.reset_by_us = true;
  unsent_total -= state.unsent.size();
  state.unsent.clear();
  release_held(state);
  nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, stream.value, nghttp2_code(code));
}

void SessionState::wake(StreamId stream, StreamState& state) {
  if (!state.has_source || !state.deferred) {
    return;  // nghttp2 will ask by itself
  }
  if (state.turn == StreamState::Turn::Idle) {
    state.turn = StreamState::Turn::Waiting;
    order.add(stream);
  }
}

bool SessionState::next_turn() {
  while (nghttp2_session_get_remote_window_size(native) > 0) {
    const std::optional<StreamId> next = order.next();
    if (!next.has_value()) {
      return false;
    }
    StreamState* state = find(*next);
    if (state == nullptr) {
      continue;
    }
    if (state->unsent.empty() && !state->end_queued) {
      state->turn = StreamState::Turn::Idle;
      continue;
    }
    state->turn = StreamState::Turn::Sending;
    state->deferred = false;
    sending = next;
    sent_in_turn = false;
    if (state->quantum_left == 0) {
      state->quantum_left = limits::kFairnessQuantum;
    }
    nghttp2_session_resume_data(native, next->value);
    return true;
  }
  return false;
}

// Of a stream that was silent: no more than a frame.
bool SessionState::little_waits() {
  const std::optional<StreamId> first = order.first_silent();
  const StreamState* state = first.has_value() ? find(*first) : nullptr;
  return state != nullptr && state->unsent.size() <= limits::kDataFrame;
}

// Whether the stream may send now; if not, it is put where it belongs in the order.
bool SessionState::has_turn(StreamId stream, StreamState& state, bool empty) {
  const bool its_turn = state.turn == StreamState::Turn::Sending && sending == stream && !empty &&
                        (state.quantum_left > 0 || state.unsent.empty());
  const bool interrupted = its_turn && sent_in_turn && little_waits();
  if (its_turn && !interrupted) {
    return true;
  }
  if (state.turn == StreamState::Turn::Sending) {
    state.turn = StreamState::Turn::Waiting;
    if (interrupted) {
      order.interrupt(stream);
    } else {
      state.quantum_left = 0;
      order.add_behind(stream);
    }
  } else if (state.turn == StreamState::Turn::Idle && !empty) {
    state.turn = StreamState::Turn::Waiting;
    order.add(stream);
  }
  return false;
}

std::ptrdiff_t SessionState::offer_body(StreamId stream, std::size_t length, std::uint32_t& flags) {
  StreamState* state = find(stream);
  if (state == nullptr || state->reset_by_us) {
    return NGHTTP2_ERR_DEFERRED;
  }
  std::size_t room = batch_target > batch.size() ? batch_target - batch.size() : 0;
  if (room < kFrameHead + kSmallestCut) {
    room += kRecord;
  }
  length = std::min(length, room - kFrameHead);
  const bool empty = state->unsent.empty() && !state->end_queued;
  const bool whole = !order.first_silent().has_value() && is_whole_and_little(*state, length);
  state->deferred = !whole && !has_turn(stream, *state, empty);
  if (state->deferred) {
    return NGHTTP2_ERR_DEFERRED;
  }
  if (!whole) {
    length = std::min(length, std::max<std::size_t>(state->quantum_left, 1));
  }
  const std::size_t count = std::min(length, state->unsent.size());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (state->end_queued && count == state->unsent.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (state->trailers.has_value()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      trailers_due.push_back(stream);
    }
  }
  return static_cast<std::ptrdiff_t>(count);
}

bool SessionState::take_body(StreamId stream, ByteView frame_head, std::size_t length) {
  batch.insert(batch.end(), frame_head.begin(), frame_head.end());
  StreamState* state = find(stream);
  SCPOOL_CHECK(state != nullptr && state->unsent.size() >= length);
  std::size_t left = length;
  while (left > 0) {
    const ByteView piece =
        state->unsent.front().first(std::min(left, state->unsent.front().size()));
    batch.insert(batch.end(), piece.begin(), piece.end());
    left -= piece.size();
    state->unsent.drop(piece.size());
  }
  unsent_total -= length;
  state->quantum_left -= std::min(state->quantum_left, length);
  if (state->quantum_left < kSmallestCut) {
    state->quantum_left = 0;
  }
  sent_in_turn = sent_in_turn || sending == stream;
  if (state->full && state->unsent.size() < limits::kStreamSendBuffer / 2) {
    state->full = false;
    if (!state->end_queued) {
      events.emplace_back(SendSpace{stream});
    }
  }
  return batch.size() >= batch_target;
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
  const auto found = streams.find(stream);
  if (found == streams.end()) {
    return;
  }
  StreamState& state = found->second;
  const bool complete = role == H2Role::Client ? state.end_received : state.end_sent;
  if (code == H2Code::NoError && !complete) {
    code = H2Code::Cancel;
  }
  unsent_total -= state.unsent.size();
  release_held(state);
  if (state.known) {
    events.emplace_back(StreamClosed{stream, code});
  }
  streams.erase(found);
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
          return left.second.stalled_since() < right.second.stalled_since();
        });
    SCPOOL_CHECK(slowest != streams.end());
    submit_reset(slowest->first, slowest->second, H2Code::EnhanceYourCalm);
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
