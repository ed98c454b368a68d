// The inside of TunnelLink: moves bytes between Stream, carrier and HTTP/2, hands events to
// listeners, and keeps the connection up. For the sources named below only. It outlives its
// TunnelLink until the turn's end, so a link may go from inside any callback of its own.
#pragma once

#include <set>

#include "common/base/id_table.hpp"
#include "common/io/timer.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/io/tunnel_progress.hpp"
#include "common/tunnel/carrier.hpp"

namespace scpool {

class TunnelLink::Pump final : public StreamListener, private BodySource {
 public:
  Pump(EventLoop& loop,
       std::unique_ptr<Stream> stream,
       ByteView already_read,
       const TunnelLinkSettings& settings,
       TunnelLinkListener& listener);

  bool is_server() const { return settings_.side == TunnelLinkSettings::Side::Server; }
  bool over() const { return phase_ == Phase::Over; }
  bool accepts_streams() const { return phase_ == Phase::Ready && !suspended(); }
  // Sees to it that what was said in this turn is written at its end.
  void touch();
  void send_control(const ControlMessage& message);
  void drain(const std::string& reason, Duration deadline);
  void probe();
  void close(H2Code code);
  // The link is gone: nobody is called any more.
  void abandon();
  // tunnel_resume.cpp
  bool suspended() const { return suspended_until_ != kNever; }
  bool may_be_suspended() const;
  bool suspend();
  void lose(const Error& error);
  bool can_resume(std::uint64_t peer_received) const;
  std::uint64_t resume(std::unique_ptr<Stream> stream, ByteView already_read, std::uint64_t from);
  void give_up(const Error& why);
  std::uint64_t received() const { return carrier_.received(); }

  EventLoop& loop() { return loop_; }
  H2Session& h2() { return h2_; }
  TunnelLinkFigures figures() const;

  // From a stream's first event to its last.
  struct StreamUse {
    TunnelStreamListener* listener = nullptr;
    bool reset = false;  // by the user: only its end is told
  };
  StreamUse* find(StreamId stream);
  void add(StreamId stream, TunnelStreamListener& listener) { uses_[stream] = {&listener, false}; }

 private:
  enum class Phase { Opening, Ready, Draining, Closing, Over };

  void on_bytes(ByteView bytes) override;
  void on_end() override;
  void on_failed(const Error& error) override;
  std::size_t fill(StreamId stream, Room room) override;

  // tunnel_pump.cpp
  void receive(ByteView bytes);
  void receive_early();
  void deliver(std::vector<H2Event>&& events);
  void take(h2::RequestReceived& event);
  void take(h2::HeadReceived& event);
  void take(h2::DataReceived& event);
  std::size_t take_body(std::span<H2Event> events);
  void take(h2::TrailersReceived& event);
  void take(h2::EndReceived& event);
  void take(h2::SendSpace& event);
  void take(h2::StreamClosed& event);
  void take(h2::PingAcknowledged& event);
  void take(h2::GoawayReceived& event);
  void take(h2::SettingsReceived& event);
  TunnelStreamListener* listener_of(StreamId stream);
  void end_of_peer(const Error& error);
  // tunnel_output.cpp
  void flush();
  void go_on_writing();
  void write_out();
  void pull(std::size_t target);
  void write_batch(std::size_t most_queued);
  void fail(const Error& error);
  void tell_streams();
  void say_goodbye(Carrier::End reason);
  // tunnel_upkeep.cpp
  void open_control();
  void answer_control(StreamId stream);
  void control_bytes(ByteView bytes);
  void take_control(const ControlMessage& message);
  void become_ready();
  void tick();
  void arm_deadline();
  void check_liveness(Instant now);
  void heard(Instant now);
  void send_ping(Instant now);
  void send_canary(Instant now);
  void canary_failed();
  void send_sync();
  void reset_orphans(const control::Sync& message);
  void start_draining(Instant deadline);
  void go_on_draining();
  void end_control();
  void finish();
  std::size_t users_streams() const;

  EventLoop& loop_;
  TunnelLinkSettings settings_;
  TunnelLinkListener* listener_;
  std::unique_ptr<Stream> stream_;
  Bytes early_;  // came with the upgrade
  Carrier carrier_;
  std::vector<ByteView> payload_;  // of one read
  H2Session h2_;
  Phase phase_ = Phase::Opening;
  IdTable<StreamId, StreamUse> uses_;
  std::optional<Error> peer_error_;  // its GOAWAY
  TurnEnd turn_end_;
  Timer next_turn_;
  bool flushing_ = false;
  bool touched_ = false;  // while flushing
  bool waits_for_socket_ = false;
  ByteQueue outgoing_;
  Instant last_write_{};
  std::size_t small_records_left_ = limits::kSmallRecordBytes;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;

  DeadlineTimer deadline_;
  Liveness liveness_;
  bool suspect_ = false;
  std::uint64_t ping_count_ = 0;

  std::optional<StreamId> control_;
  bool control_answered_ = false;
  bool control_closed_ = false;
  ControlReader control_reader_;
  Instant next_sync_ = kNever;
  std::set<StreamId> missing_;  // here, but not in the peer's last list
  CanaryProgress canary_;
  DrainProgress drain_;
  Instant suspended_until_ = kNever;  // kNever: the connection stands
};

}  // namespace scpool
