#include "common/h2/h2_session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/spare_chunks.hpp"
#include "common/h2/session_state.hpp"

namespace scpool {

struct H2Session::Session final : h2::SessionState {
  using h2::SessionState::SessionState;
};

namespace {

ssize_t read_body(nghttp2_session*,
                  std::int32_t stream,
                  std::uint8_t*,
                  std::size_t length,
                  std::uint32_t* flags,
                  nghttp2_data_source*,
                  void* user_data) noexcept {
  return static_cast<h2::SessionState*>(user_data)->offer_body(StreamId{stream}, length, *flags);
}

constexpr nghttp2_data_provider kBodySource{{0}, read_body};

// Whether nghttp2 copies names and values, or looks into the list until the frame is sent.
enum class Lent : std::uint8_t {
  No = NGHTTP2_NV_FLAG_NONE,
  UntilSent = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
};

// A list of fields as nghttp2 takes it.
class NativeFields {
 public:
  // Names are in lower case.
  NativeFields(const Fields& fields, Lent lent) : count_(fields.size()) {
    if (count_ > few_.size()) {
      many_.resize(count_);
    }
    nghttp2_nv* native = list();
    for (const Field field : fields) {
      const bool indexed = !is_never_indexed(field.name);
      const unsigned flags =
          static_cast<unsigned>(lent) | (indexed ? 0U : unsigned{NGHTTP2_NV_FLAG_NO_INDEX});
      *native++ = {const_cast<std::uint8_t*>(as_bytes(field.name).data()),
                   const_cast<std::uint8_t*>(as_bytes(field.value).data()),
                   field.name.size(),
                   field.value.size(),
                   static_cast<std::uint8_t>(flags)};
    }
  }
  NativeFields(const NativeFields&) = delete;
  NativeFields& operator=(const NativeFields&) = delete;

  const nghttp2_nv* data() const { return many_.empty() ? few_.data() : many_.data(); }
  std::size_t size() const { return count_; }

 private:
  // Fields that differ in every message, or that are secrets, only push others out of the table of
  // the header compression, and every entry makes the search for the next one longer (RFC 7541
  // section 7.1.3).
  static bool is_never_indexed(std::string_view name) {
    return name.size() >= 10 &&
           (name == "tracestate" || name == "traceparent" || name == "x-request-id" ||
            name == "authorization" || name == "sec-websocket-key" || name == "tunnel-request-id");
  }
  nghttp2_nv* list() { return many_.empty() ? few_.data() : many_.data(); }

  std::size_t count_;
  std::array<nghttp2_nv, 32> few_;
  std::vector<nghttp2_nv> many_;
};

bool is_interim(const Fields& head) {
  const std::optional<std::string_view> status = head.find(":status");
  return status.has_value() && status->starts_with('1');
}

void submit_due(h2::SessionState& state) {
  for (const StreamId stream : std::exchange(state.trailers_due, {})) {
    const h2::StreamState* known = state.find(stream);
    if (known != nullptr && known->trailers.has_value()) {
      const NativeFields fields(*known->trailers, Lent::No);
      nghttp2_submit_trailer(state.native, stream.value, fields.data(), fields.size());
    }
  }
  for (const StreamId stream : std::exchange(state.resets_due, {})) {
    if (h2::StreamState* known = state.find(stream)) {
      state.submit_reset(stream, *known, H2Code::NoError);
    }
  }
}

}  // namespace

H2Session::H2Session(H2Role role, const H2Settings& settings)
    : session_(std::make_unique<Session>(role, settings)) {}
H2Session::H2Session(H2Session&&) noexcept = default;
H2Session::~H2Session() = default;

Result<std::vector<H2Event>> H2Session::receive(ByteView bytes) {
  if (session_->failure.has_value()) {
    return *session_->failure;
  }
  const ssize_t taken = nghttp2_session_mem_recv(session_->native, bytes.data(), bytes.size());
  if (taken < 0) {
    const H2Code code =
        taken == NGHTTP2_ERR_FLOODED ? H2Code::EnhanceYourCalm : H2Code::ProtocolError;
    session_->end_connection(code,
                             std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(taken)));
    return *session_->failure;
  }
  session_->settle_credit();
  session_->check_nuisance();
  if (session_->failure.has_value()) {
    return *session_->failure;
  }
  return take_events();
}

std::vector<H2Event> H2Session::take_events() {
  return std::exchange(session_->events, std::exchange(session_->spare_events, {}));
}

void H2Session::recycle(std::vector<H2Event>&& events) {
  constexpr std::size_t kMostKept = 64;
  events.clear();
  if (events.capacity() <= kMostKept && session_->spare_events.capacity() < events.capacity()) {
    session_->spare_events = std::move(events);
  }
}

void H2Session::pull(ByteQueue& out, std::size_t target, BodySource* source) {
  if (out.size() >= target) {
    return;
  }
  Session& session = *session_;
  session.batch.begin(target - out.size(), session.unsent_total >= kSmallChunk);
  while (!session.batch.full()) {
    const std::uint8_t* frame = nullptr;
    const std::size_t before = session.batch.size();
    const ssize_t count = nghttp2_session_mem_send(session.native, &frame);
    if (count < 0) {
      session.end_connection(H2Code::InternalError,
                             std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(count)));
      break;
    }
    session.batch.append({frame, static_cast<std::size_t>(count)});
    const bool more_due = !session.trailers_due.empty() || !session.resets_due.empty();
    submit_due(session);
    if (session.batch.size() == before && !more_due && !session.next_turn(source)) {
      break;
    }
  }
  session.take_back();
  session.check_nuisance();
  session.settle_credit();
  Bytes batch = session.batch.finish();
  if (batch.empty()) {
    keep_chunk(std::move(batch));
  } else {
    out.append(std::move(batch));
  }
}

bool H2Session::wants_write() const {
  return nghttp2_session_want_write(session_->native) != 0 ||
         (!session_->order.empty() && nghttp2_session_get_remote_window_size(session_->native) > 0);
}

const std::optional<Error>& H2Session::failure() const {
  return session_->failure;
}

Result<StreamId> H2Session::open(const Fields& head, bool end) {
  if (!can_open()) {
    return Error(ErrorKind::Exhausted, "HTTP/2 connection takes no further stream");
  }
  if (head.contains(":protocol") &&
      nghttp2_session_get_remote_settings(session_->native,
                                          NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1) {
    return Error(ErrorKind::Protocol, "HTTP/2 peer does not take extended CONNECT");
  }
  Fields kept = head;
  const NativeFields fields(kept, Lent::UntilSent);
  const std::int32_t id = nghttp2_submit_request(session_->native,
                                                 nullptr,
                                                 fields.data(),
                                                 fields.size(),
                                                 end ? nullptr : &kBodySource,
                                                 nullptr);
  if (id < 0) {
    return Error(ErrorKind::Exhausted, std::string("HTTP/2: ") + nghttp2_strerror(id));
  }
  h2::StreamState& stream = session_->add(StreamId{id});
  stream.head = std::move(kept);
  stream.known = true;
  stream.has_source = !end;
  stream.end_queued = end;
  return StreamId{id};
}

bool H2Session::can_open() const {
  return session_->role == H2Role::Client && !session_->failure.has_value() &&
         nghttp2_session_check_request_allowed(session_->native) != 0 &&
         session_->streams.size() < nghttp2_session_get_remote_settings(
                                        session_->native, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void H2Session::respond(StreamId stream, const Fields& head, bool end) {
  h2::StreamState* state = session_->find(stream);
  if (state == nullptr || state->reset_by_us || state->has_source || state->end_queued) {
    return;
  }
  if (is_interim(head) && !end) {
    const NativeFields fields(head, Lent::No);
    state->interim = true;
    nghttp2_submit_headers(session_->native,
                           NGHTTP2_FLAG_NONE,
                           stream.value,
                           nullptr,
                           fields.data(),
                           fields.size(),
                           nullptr);
    return;
  }
  // With an interim head before it, which of them is sent would have to be known.
  const bool lent = !state->interim;
  if (lent) {
    state->head = head;
  }
  const NativeFields fields(lent ? state->head : head, lent ? Lent::UntilSent : Lent::No);
  nghttp2_submit_response(
      session_->native, stream.value, fields.data(), fields.size(), end ? nullptr : &kBodySource);
  state->has_source = !end;
  state->end_queued = end;
}

void H2Session::send(StreamId stream, ByteView data, bool end) {
  h2::StreamState* state = session_->find(stream);
  if (state == nullptr || state->reset_by_us || state->end_queued) {
    return;
  }
  state->unsent.append(data);
  session_->unsent_total += data.size();
  state->full |= state->unsent.size() >= limits::kStreamSendBuffer;
  state->end_queued = end;
  state->offered = state->offered && !end;
  session_->wake(stream, *state);
}

void H2Session::send_trailers(StreamId stream, const Fields& trailers) {
  h2::StreamState* state = session_->find(stream);
  if (state != nullptr && !state->end_queued && !trailers.empty()) {
    state->trailers = trailers;
  }
  send(stream, {}, true);
}

void H2Session::offer(StreamId stream) {
  h2::StreamState* state = session_->find(stream);
  if (state != nullptr && !state->reset_by_us && !state->end_queued) {
    state->offered = true;
    session_->wake(stream, *state);
  }
}

std::size_t H2Session::unsent(StreamId stream) const {
  const h2::StreamState* state = session_->find(stream);
  return state == nullptr ? 0 : state->unsent.size();
}

void H2Session::reset(StreamId stream, H2Code code) {
  h2::StreamState* state = session_->find(stream);
  if (state == nullptr || state->reset_by_us) {
    return;
  }
  if (code == H2Code::NoError && state->end_queued && !state->end_sent) {
    state->reset_after_end = true;
    return;
  }
  session_->submit_reset(stream, *state, code);
  session_->settle_credit();
}

bool H2Session::send_ended(StreamId stream) const {
  const h2::StreamState* state = session_->find(stream);
  return state == nullptr || state->end_queued || state->reset_by_us;
}

bool H2Session::untouched(StreamId stream) const {
  const h2::StreamState* state = session_->find(stream);
  return session_->role == H2Role::Client && state != nullptr && !state->head_sent;
}

void H2Session::consumed(StreamId stream, std::size_t count) {
  h2::StreamState* state = session_->find(stream);
  if (state == nullptr || state->held == 0) {
    return;
  }
  Session& session = *session_;
  count = std::min(count, state->held);
  state->held -= count;
  session.held_total -= count;
  state->last_progress = ++session.consumptions;
  session.give_credit(stream, *state);
  const std::optional<std::uint32_t> window =
      state->credit.consumed(count, session.now, session.round_trip);
  // Half of what may be held is for growth, so that a few streams that grew and then stalled do
  // not use up the connection.
  if (window.has_value() && !state->end_received &&
      session.held_total + *window <= session.settings.max_held / 2) {
    state->credit.grow(*window);
    nghttp2_session_set_local_window_size(
        session.native, NGHTTP2_FLAG_NONE, stream.value, static_cast<std::int32_t>(*window));
    const std::uint32_t wanted = std::min(*window * 2, limits::kMaxConnectionWindow);
    if (wanted > session.connection_window) {
      session.connection_window = wanted;
      nghttp2_session_set_local_window_size(
          session.native, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(wanted));
    }
  }
  session.settle_credit();
}

std::size_t H2Session::held_bytes() const {
  return session_->held_total;
}

void H2Session::set_round_trip(Duration round_trip, Instant now) {
  session_->round_trip = round_trip;
  session_->now = now;
}

void H2Session::ping(std::uint64_t opaque) {
  std::array<std::uint8_t, 8> data{};
  for (std::size_t i = 0; i < data.size(); ++i) {
    data.at(data.size() - 1 - i) = static_cast<std::uint8_t>(opaque >> (8 * i));
  }
  nghttp2_submit_ping(session_->native, NGHTTP2_FLAG_NONE, data.data());
}

void H2Session::announce_shutdown() {
  if (session_->role == H2Role::Server) {
    nghttp2_submit_shutdown_notice(session_->native);
  }
}

void H2Session::goaway(H2Code code) {
  if (code != H2Code::NoError) {
    nghttp2_session_terminate_session(session_->native, static_cast<std::uint32_t>(code));
    return;
  }
  nghttp2_submit_goaway(session_->native,
                        NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_->native),
                        NGHTTP2_NO_ERROR,
                        nullptr,
                        0);
}

void H2Session::rest() {
  if (nghttp2_session_want_write(session_->native) == 0) {  // else it may be within a frame
    session_->memory.forget_frame();
  }
}

std::size_t H2Session::active_streams() const {
  return session_->streams.size();
}

std::vector<StreamId> H2Session::live_streams() const {
  std::vector<StreamId> live;
  live.reserve(session_->streams.size());
  for (const auto& [stream, state] : session_->streams) {
    live.push_back(stream);
  }
  return live;
}

std::size_t H2Session::unsent_bytes() const {
  return session_->unsent_total;
}

std::uint64_t H2Session::bulk_bytes() const {
  return session_->bulk_total;
}

bool H2Session::finished() const {
  return nghttp2_session_want_read(session_->native) == 0 &&
         nghttp2_session_want_write(session_->native) == 0;
}

}  // namespace scpool
