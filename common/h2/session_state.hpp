// The inside of H2Session: one nghttp2 session, what we keep for each of its streams, and the
// events it has produced. For the sources of this folder only. nghttp2's callbacks do no more than
// write down here what happened; everything else is done after the library call returned.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/base/id_table.hpp"
#include "common/h2/frame_batch.hpp"
#include "common/h2/h2_session.hpp"
#include "common/h2/session_memory.hpp"
#include "common/h2/stream_credit.hpp"

struct nghttp2_session;

namespace scpool::h2 {

struct StreamState {
  enum class Turn { Idle, Waiting, Sending };  // in the order of sending streams

  explicit StreamState(std::uint32_t window) : credit(window) {}

  // One for a new stream, with the memory of one that is gone when there is one, and back.
  static std::unique_ptr<StreamState> take(std::uint32_t window);
  static void keep(std::unique_ptr<StreamState> state);

  // In consumptions; for ever later when nobody waits for anything of it.
  std::uint64_t stalled_since() const { return held > 0 ? last_progress : UINT64_MAX; }

  Fields head;  // until it is sent: nghttp2 looks into it
  ByteQueue unsent;
  std::optional<Fields> trailers;
  StreamCredit credit;
  std::size_t quantum_left = 0;     // of its turn; 0: the next begins a new one
  std::size_t held = 0;             // received, not passed on
  std::uint64_t last_progress = 0;  // when (in consumptions) `held` last shrank or began
  std::uint32_t begun = 0;          // body bytes, both ways, as long as it is not large
  Turn turn = Turn::Idle;
  bool known = false;       // the user has heard of it
  bool has_source = false;  // nghttp2 was given the body's source
  bool deferred = false;    // nghttp2 waits to be told of more
  bool offered = false;     // its user has bytes and waits to be asked for them
  bool full = false;        // reached limits::kStreamSendBuffer, SendSpace is due
  bool interim = false;     // a head of 1xx was submitted
  bool head_sent = false;
  bool end_queued = false;
  bool end_sent = false;
  bool end_received = false;
  bool reset_by_us = false;
  bool reset_after_end = false;
};

// A head or trailers while it arrives; one at a time on a connection (RFC 9113 section 4.3).
struct IncomingHead {
  StreamId stream;
  Fields fields;
  std::size_t size = 0;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
};

class SessionState {
 public:
  SessionState(H2Role role, const H2Settings& settings);
  SessionState(const SessionState&) = delete;
  SessionState& operator=(const SessionState&) = delete;
  ~SessionState();

  StreamState* find(StreamId stream);
  StreamState& add(StreamId stream);
  void submit_reset(StreamId stream, StreamState& state, H2Code code);
  void count_body(StreamState& state, std::size_t length);
  // The stream has something new to send: lets it take part.
  void wake(StreamId stream, StreamState& state);
  // Lets the next stream in order send; false when nobody waits or may.
  bool next_turn(BodySource* source);
  // False when the stream has nothing to send now.
  bool fill(StreamId stream, StreamState& state, BodySource* source);
  // What was filled in and never framed goes the long way.
  void take_back();
  void give_credit(StreamId stream, const StreamState& state);
  bool little_waits();
  bool has_turn(StreamId stream, StreamState& state, bool empty);
  // A stream that was offered: until it is asked.
  void wait_in_order(StreamId stream, StreamState& state);
  // Gives the connection the credit it is owed, or, when too much is held, frees some.
  void settle_credit();
  void release_held(StreamState& state);
  void end_connection(H2Code code, std::string sentence);
  void check_nuisance();

  // Called by nghttp2 (session_callbacks.cpp); append and note only.
  std::size_t next_frame(StreamId stream);  // how much of it there is
  std::ptrdiff_t offer_body(StreamId stream, std::size_t length, std::uint32_t& flags);
  void take_unsent(StreamState& state, std::size_t length);
  // True when the batch is full.
  bool take_body(StreamId stream, ByteView frame_head, std::size_t length);
  void head_received(StreamId stream, bool request, bool end);
  bool field_received(std::string_view name, std::string_view value);
  void data_received(StreamId stream, ByteView data);
  void end_received(StreamId stream);
  void reset_received(StreamId stream, H2Code code);
  void reset_sent(StreamId stream);
  void end_sent(StreamId stream);
  void closed(StreamId stream, H2Code code);

  H2Role role;
  H2Settings settings;
  SessionMemory memory;
  nghttp2_session* native = nullptr;
  IdTable<StreamId, std::unique_ptr<StreamState>> streams;
  std::vector<H2Event> events;
  std::vector<H2Event> spare_events;  // memory for the next
  std::optional<Error> failure;
  Instant now{};
  Duration round_trip = Duration::zero();

  IncomingHead incoming;
  std::vector<StreamId> trailers_due;  // their body is out
  std::vector<StreamId> resets_due;    // their end is out, the peer need not finish
  bool settings_seen = false;

  // Sending.
  FrameBatch batch;
  std::size_t unsent_total = 0;
  std::uint64_t bulk_total = 0;
  SendOrder order;
  std::optional<StreamId> sending;  // whose turn it is
  StreamId filled;                  // whose bytes wait in place in the batch
  bool sent_in_turn = false;        // a frame of the one that sends, since it was let

  // Credit.
  std::size_t held_total = 0;
  std::uint32_t connection_window;
  std::uint64_t consumptions = 0;

  // Nuisance (engineering notes section 6, the HTTP/2 item).
  RateAllowance resets_allowed{1000, 33};
  RateAllowance oddities_allowed{10'000, 330};
  bool calm_down = false;
};

// session_callbacks.cpp
nghttp2_session* make_native_session(SessionState& state);

}  // namespace scpool::h2
