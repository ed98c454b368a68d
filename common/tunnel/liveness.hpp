// When to ping a tunnel connection, suspect it or give it up (engineering notes section 3). One
// instance per connection and end; pure: told what happened and when, says what to do and when to
// be asked again.
#pragma once

#include <optional>

#include "common/base/limits.hpp"
#include "common/base/random.hpp"
#include "common/base/time.hpp"

namespace scpool {

struct LivenessRule {
  Duration ping_idle = limits::kPingIdle;
  Duration ping_busy = limits::kPingBusy;             // with streams
  Duration dead_after_ping = limits::kDeadAfterPing;  // without any received byte
  Duration suspect_silence = limits::kSuspectSilence;
};

// Suspect: a ping is out, and nothing was heard for `suspect_silence` since we last sent something
// that was not followed by a byte of the peer. Silence alone proves nothing: a slow site is silent
// too, so with streams an early ping asks before suspicion falls.
enum class LivenessVerdict { Alive, Suspect, Dead };

class Liveness {
 public:
  Liveness(const LivenessRule& rule, Random random, Instant now);

  void bytes_received(Instant now);
  void bytes_sent(Instant now);
  void ping_sent(Instant now);
  // The answer to the last ping; gives the round trip (the last known one when none was out).
  Duration ping_acknowledged(Instant now);

  // The kernel measures finer than pings, which are timed by a clock of milliseconds and wait
  // behind data: once it was asked, pings no longer tell the round trip. `least`: of the last
  // minutes, thus without queues.
  bool round_trip_due(Instant now) const { return now >= next_measure_; }
  void round_trip_measured(Duration smoothed, Duration least, Instant now);
  void round_trip_unknown(Instant now);  // by the kernel, yet

  // The peer is reached by a new connection: what was asked on the old one is void.
  void restart(Instant now);

  bool ping_due(Instant now, bool has_streams) const;
  LivenessVerdict verdict(Instant now) const;
  // When to ask again; later than `now` unless a ping is due.
  Instant next_deadline(Instant now, bool has_streams) const;
  std::optional<Duration> round_trip() const { return round_trip_; }
  // For how long the peer has said nothing after we sent something. With streams its carrier
  // acknowledges that within 300 ms, without it has time.
  Duration unanswered(Instant now) const { return now - unanswered_since_.value_or(now); }
  // This host, a LAN. Not before the kernel was asked.
  bool short_path() const { return least_round_trip_ < limits::kShortRoundTrip; }

 private:
  bool waits_for_ping() const;  // a ping is out and nothing came after it
  Instant ping_at(bool has_streams) const;
  Instant suspect_at() const;
  Instant dead_at() const;
  Duration early_ping_after() const { return rule_.suspect_silence / 3; }

  LivenessRule rule_;
  Random random_;
  Instant last_received_;
  Instant last_ping_;                        // or the start
  std::optional<Instant> unanswered_since_;  // sent something, nothing received after it
  std::optional<Instant> ping_sent_;         // not acknowledged yet
  bool heard_since_ping_ = true;
  double jitter_ = 1.0;  // 0.8 .. 1.2, drawn anew after each ping
  std::optional<Duration> round_trip_;
  bool measured_ = false;  // by the kernel
  Duration least_round_trip_ = Duration::max();
  Instant next_measure_{};
};

}  // namespace scpool
