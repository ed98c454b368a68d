// Which tunnel connection to dial, and when: N connections, each with its own backoff, replaced
// while they still live when they become suspect or their server drains. Decides alone; the
// connections are held and dialled by io/connection_set, which owns this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/backoff.hpp"
#include "common/base/limits.hpp"
#include "common/base/random.hpp"
#include "common/base/time.hpp"

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
};

enum class DialReason { Start, Lost, Retry, Suspect, ServerDrains };

// How a dial ended without a connection.
struct DialFailure {
  int status = 0;  // of the answer to the upgrade; 0: none came
  std::optional<Duration> retry_after = std::nullopt;
  std::string sentence = {};
};

struct DialConnection {
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;     // rises with every dial of this process
  std::uint32_t attempts = 0;  // failures since it last was stable
  DialReason reason = DialReason::Start;
};
// A newer connection took its place: let its streams end.
struct DrainReplaced {
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
};
// Nothing more will be dialled.
struct GiveUp {
  enum class Why { Unknown, Deleted, Denied, WrongVersion };
  Why why = Why::Unknown;
  std::string sentence = {};
};
using ConnectionAction = std::variant<DialConnection, DrainReplaced, GiveUp>;
using ConnectionActions = std::vector<ConnectionAction>;

enum class ConnectionState { Idle, Waiting, Dialling, Ready, Suspect };

struct ConnectionSnapshot {
  ConnectionState state = ConnectionState::Idle;
  std::uint64_t epoch = 0;             // of the connection that stands; 0: none does
  std::optional<Duration> retry_in;    // with Waiting
  std::optional<Duration> canary_age;  // with Ready and Suspect
  std::uint64_t reconnects = 0;
  std::string last_error;
};

class ConnectionPlanner {
 public:
  ConnectionPlanner(const ConnectionPlannerRule& rule, Random random);

  // From nothing: the first connection now, the others once it stands. Also after a new
  // registration; whatever stood before is forgotten.
  ConnectionActions start(Instant now);
  // Nothing is dialled any more; what stands stays.
  void stop();

  ConnectionActions connected(std::uint32_t connection, std::uint64_t epoch, Instant now);
  ConnectionActions dial_failed(std::uint32_t connection,
                                std::uint64_t epoch,
                                const DialFailure& failure,
                                Instant now);
  ConnectionActions closed(std::uint32_t connection, std::uint64_t epoch, Instant now);
  ConnectionActions became_suspect(std::uint32_t connection, std::uint64_t epoch, Instant now);
  void recovered(std::uint32_t connection, std::uint64_t epoch);
  // Its server asked it to finish: it counts no more, another is dialled.
  ConnectionActions server_drains(std::uint32_t connection, std::uint64_t epoch, Instant now);
  void canary_answered(std::uint32_t connection, std::uint64_t epoch, Instant now);

  ConnectionActions wake(Instant now);
  Instant next_deadline() const;

  std::uint32_t standing() const;  // connections that stand
  // At least one stands and a canary came through it lately.
  bool serves(Instant now) const;
  std::vector<ConnectionSnapshot> snapshot(Instant now) const;

 private:
  struct Standing {
    std::uint64_t epoch = 0;
    Instant since;
    Instant canary;
    bool suspect = false;
  };
  struct Place {
    enum class Dial { None, Waiting, Dialling };
    std::optional<Standing> standing;
    Dial dial = Dial::None;
    Instant due;
    std::uint64_t dial_epoch = 0;
    DialReason reason = DialReason::Start;
    std::uint32_t failures = 0;
    std::uint64_t reconnects = 0;
    std::string last_error;
  };

  Place* standing_place(std::uint32_t connection, std::uint64_t epoch);
  void forget_failures_if_stable(Place& place, Instant now) const;
  void plan_dial(Place& place, DialReason reason, Duration at_least, Instant now);
  std::optional<GiveUp> reason_to_give_up(const DialFailure& failure);

  ConnectionPlannerRule rule_;
  Random random_;
  std::vector<Place> places_;
  std::uint64_t last_epoch_ = 0;
  std::uint32_t denied_in_a_row_ = 0;
  bool stopped_ = true;
};

std::string_view to_text(DialReason reason);
std::string_view to_text(ConnectionState state);
std::string_view to_text(GiveUp::Why why);

}  // namespace scpool::worker
