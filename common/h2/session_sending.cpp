// Whose turn it is, and what of it goes into the batch.
#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "common/base/check.hpp"
#include "common/h2/session_state.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kSmallestCut = 1024;  // no frame is cut shorter to fit a turn

// What was silent until now, ends with this frame, and so needs no turn: it would go first anyway.
bool is_whole_and_little(const StreamState& state, std::size_t most) {
  return state.turn == StreamState::Turn::Idle && state.end_queued &&
         state.unsent.size() <= std::min(most, limits::kDataFrame);
}

}  // namespace

void SessionState::wake(StreamId stream, StreamState& state) {
  if (!state.has_source || !state.deferred) {
    return;  // nghttp2 will ask by itself
  }
  if (state.turn == StreamState::Turn::Idle) {
    state.turn = StreamState::Turn::Waiting;
    order.add(stream);
  }
}

bool SessionState::next_turn(BodySource* source) {
  while (nghttp2_session_get_remote_window_size(native) > 0) {
    const std::optional<StreamId> next = order.next();
    if (!next.has_value()) {
      return false;
    }
    StreamState* state = find(*next);
    if (state == nullptr) {
      continue;
    }
    if (state->quantum_left == 0) {
      state->quantum_left = limits::kFairnessQuantum;
    }
    if (state->unsent.empty() && !state->end_queued && !fill(*next, *state, source)) {
      state->turn = StreamState::Turn::Idle;
      state->quantum_left = 0;
      continue;
    }
    state->turn = StreamState::Turn::Sending;
    state->deferred = false;
    sending = next;
    sent_in_turn = false;
    nghttp2_session_resume_data(native, next->value);
    return true;
  }
  return false;
}

// nghttp2 has nothing else to write at this moment, so what is put in place is framed next.
bool SessionState::fill(StreamId stream, StreamState& state, BodySource* source) {
  if (!state.offered || source == nullptr) {
    return false;
  }
  const std::int32_t window =
      std::min(nghttp2_session_get_stream_remote_window_size(native, stream.value),
               nghttp2_session_get_remote_window_size(native));
  if (window <= 0) {
    return true;  // nghttp2 sees that too, and asks for it when there is credit
  }
  const std::size_t most =
      std::min({static_cast<std::size_t>(window), state.quantum_left, batch.body_room()});
  const std::size_t frame = std::min<std::size_t>(
      limits::kDataFrame,
      nghttp2_session_get_remote_settings(native, NGHTTP2_SETTINGS_MAX_FRAME_SIZE));
  const Room room = batch.places(most, frame);
  const std::size_t count = source->fill(stream, room);
  state.offered = count == total_size(room);
  batch.filled(count);
  filled = stream;
  unsent_total += count;
  return count > 0;
}

void SessionState::take_back() {
  if (batch.in_place() == 0) {
    return;
  }
  StreamState* state = find(filled);
  if (state != nullptr && !state->reset_by_us) {
    batch.take_back(state->unsent);
  } else {
    unsent_total -= batch.in_place();
    ByteQueue nobodys;
    batch.take_back(nobodys);
  }
}

// A turn that the end of a batch or of the credit has cut goes on before others have theirs.
void SessionState::wait_in_order(StreamId stream, StreamState& state) {
  if (state.turn == StreamState::Turn::Sending && state.quantum_left > 0) {
    order.interrupt(stream);
  } else if (state.turn == StreamState::Turn::Sending) {
    order.add_behind(stream);
  } else if (state.turn == StreamState::Turn::Idle) {
    order.add(stream);
  }
  state.turn = StreamState::Turn::Waiting;
}

// Of a stream that was silent: no more than a frame.
bool SessionState::little_waits() {
  const std::optional<StreamId> first = order.first_silent();
  const StreamState* state = first.has_value() ? find(*first) : nullptr;
  return state != nullptr && !state->offered && state->unsent.size() <= limits::kDataFrame;
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

std::size_t SessionState::next_frame(StreamId stream) {
  if (batch.in_place() > 0 && filled == stream) {
    return batch.next_in_place();
  }
  const StreamState* state = find(stream);
  return state != nullptr ? state->unsent.size() : 0;
}

std::ptrdiff_t SessionState::offer_body(StreamId stream, std::size_t length, std::uint32_t& flags) {
  StreamState* state = find(stream);
  if (state == nullptr || state->reset_by_us) {
    return NGHTTP2_ERR_DEFERRED;
  }
  if (batch.in_place() > 0 && filled == stream) {
    if (const std::size_t next = batch.next_in_place(); next <= length) {
      flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      return static_cast<std::ptrdiff_t>(next);
    }
    take_back();
  }
  length = std::min(length, batch.body_room());
  const bool empty = state->unsent.empty() && !state->end_queued;
  if (empty && state->offered) {
    wait_in_order(stream, *state);
    state->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
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
  StreamState* state = find(stream);
  if (batch.in_place() > 0 && filled == stream) {
    SCPOOL_CHECK(state != nullptr);
    batch.frame(frame_head, length);
  } else {
    SCPOOL_CHECK(state != nullptr && state->unsent.size() >= length);
    batch.append(frame_head);
    take_unsent(*state, length);
  }
  unsent_total -= length;
  count_body(*state, length);
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
  return batch.full();
}

void SessionState::take_unsent(StreamState& state, std::size_t length) {
  while (length > 0) {
    const ByteView piece =
        state.unsent.front().first(std::min(length, state.unsent.front().size()));
    batch.append(piece);
    length -= piece.size();
    state.unsent.drop(piece.size());
  }
}

}  // namespace scpool::h2
