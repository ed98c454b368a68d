// Which tunnel connection to dial, and when: N connections, each with its own backoff, replaced
// while they still live when they become suspect or their server drains (the old one is drained
// once the new one stands). Decides alone; the connections are held and dialled by
// io/connection_set, which owns this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/backoff.hpp"
#include "common/base/limits.hpp"
#include "common/base/random.hpp"
#include "common/base/time.hpp"
#include "worker/core/connection_actions.hpp"

namespace scpool::worker {

// Engineering notes section 3.
struct ConnectionPlannerRule {
  std::uint32_t connections = 4;
  Duration start_spacing = std::chrono::milliseconds{100};
  BackoffRule backoff = {};
  Duration stable_after = std::chrono::seconds{30};  // then the backoff starts anew
  std::uint32_t denied_tries = 3;                    // 401 and 403 in a row: replication may lag
  Duration longest_retry_after = std::chrono::minutes{5};
  Duration canary_max_age = limits::kCanaryMaxAge;
  std::uint32_t failures_per_address = 2;  // then the next address of the name has its turn
  Duration replaced_grace = std::chrono::seconds{30};  // for the streams of a replaced connection
  // Dials that resume a cut session: many must fit in the hold time.
  Duration resume_first = std::chrono::milliseconds{250};
  Duration resume_longest = std::chrono::seconds{1};
};

class ConnectionPlanner {
 public:
  ConnectionPlanner(const ConnectionPlannerRule& rule, Random random);

  // From nothing: the first connection now, the others once it stands. Also after a new
  // registration; whatever stood before is forgotten.
  ConnectionActions start(Instant now);
  // Nothing is dialled any more; what stands stays.
  void stop();

  // `resumable`: its session can outlive its connection.
  ConnectionActions connected(std::uint32_t connection,
                              std::uint64_t epoch,
                              Instant now,
                              bool resumable = false);
  // A session goes on with the epoch of the dial that resumed it.
  void resumed(std::uint32_t connection, std::uint64_t epoch, Instant now);
  ConnectionActions dial_failed(std::uint32_t connection,
                                std::uint64_t epoch,
                                const DialFailure& failure,
                                Instant now);
  // Cut, but its session is kept. False: it is none of ours any more, nothing will resume it.
  bool suspended(std::uint32_t connection, std::uint64_t epoch, Instant now);
  ConnectionActions closed(std::uint32_t connection, std::uint64_t epoch, Instant now);
  ConnectionActions became_suspect(std::uint32_t connection, std::uint64_t epoch, Instant now);
  void recovered(std::uint32_t connection, std::uint64_t epoch);
  // Its server asked it to finish within `deadline`: it serves on until its successor stands, or
  // until a dial has failed, or half of that time is over.
  ConnectionActions server_drains(std::uint32_t connection,
                                  std::uint64_t epoch,
                                  Duration deadline,
                                  Instant now);
  // Links, addresses or routes of this host have changed; `gone`: the connections whose source
  // address is no longer there. Those move at once, the others are asked, and what waits is tried,
  // but never before a server's Retry-After.
  ConnectionActions network_changed(const std::vector<std::uint32_t>& gone, Instant now);
  void canary_answered(std::uint32_t connection, std::uint64_t epoch, Instant now);

  ConnectionActions wake(Instant now);
  Instant next_deadline() const;

  std::uint32_t standing() const;  // connections that stand, cut ones not counted
  // At least one stands and a canary came through it lately.
  bool serves(Instant now) const;
  std::vector<ConnectionSnapshot> snapshot(Instant now) const;

 private:
  struct Standing {
    std::uint64_t epoch = 0;
    Instant since;
    Instant canary;
    bool suspect = false;
    bool resumable = false;
    bool suspended = false;
    std::uint32_t resume_failures = 0;
    Instant drain_by = kNever;  // asked for by its server: latest start, then the end
    Instant drained_by = kNever;
  };
  struct Place {
    enum class Dial { None, Waiting, Dialling };
    std::optional<Standing> standing;
    Dial dial = Dial::None;
    Instant due;
    Instant not_before;  // as the server asked
    std::uint64_t dial_epoch = 0;
    DialReason reason = DialReason::Start;
    bool resumes = false;  // the dial under way goes on with the session that stands
    std::uint32_t failures = 0;
    std::uint32_t failures_here = 0;  // in a row at the present address
    std::uint32_t address = 0;
    std::uint64_t reconnects = 0;
    std::string last_error;
  };

  Place* standing_place(std::uint32_t connection, std::uint64_t epoch);
  // It ends or will: another is dialled unless one is under way already.
  void replace(Place& place, DialReason reason, Instant now);
  void drain_standing(std::uint32_t connection, ConnectionActions& actions, Instant now);
  void forget_failures_if_stable(Place& place, Instant now) const;
  void plan_resume(Place& place, Duration at_least, Instant now);
  void plan_dial(Place& place, DialReason reason, Duration at_least, Instant now);
  std::optional<GiveUp> reason_to_give_up(const DialFailure& failure);

  ConnectionPlannerRule rule_;
  Random random_;
  std::vector<Place> places_;
  std::uint64_t last_epoch_ = 0;
  std::uint32_t denied_in_a_row_ = 0;
  bool stopped_ = true;
};

}  // namespace scpool::worker
