// What the connection planner is told, asks for and shows. Values only; apart from the planner
// because the shell's parts need no more than these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/time.hpp"

namespace scpool::worker {

enum class DialReason { Start, Lost, Retry, Suspect, ServerDrains, Cut };

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
  std::uint32_t address = 0;   // which of the name's addresses comes first; to be taken modulo
  DialReason reason = DialReason::Start;
  // The session of this epoch goes on over the new connection; nothing: a new one begins.
  std::optional<std::uint64_t> resumes = std::nullopt;
};
// The server does not know the session any more: its streams are over.
struct EndSession {
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
};
// A newer connection took its place, or none could within the time its server left: let its streams
// end.
struct DrainReplaced {
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
  Duration grace = Duration::zero();
};
// The network of this host has changed: is the connection still there?
struct ProbeConnection {
  std::uint32_t connection = 0;
  std::uint64_t epoch = 0;
};
// Nothing more will be dialled.
struct GiveUp {
  enum class Why { Unknown, Deleted, Denied, WrongVersion };
  Why why = Why::Unknown;
  std::string sentence = {};
};
using ConnectionAction =
    std::variant<DialConnection, DrainReplaced, EndSession, ProbeConnection, GiveUp>;
using ConnectionActions = std::vector<ConnectionAction>;

enum class ConnectionState { Idle, Waiting, Dialling, Ready, Suspect, Suspended, Draining };

struct ConnectionSnapshot {
  ConnectionState state = ConnectionState::Idle;
  std::uint64_t epoch = 0;             // of the connection that stands; 0: none does
  std::optional<Duration> retry_in;    // when a dial is planned
  std::optional<Duration> canary_age;  // with Ready, Suspect and Draining
  std::uint64_t reconnects = 0;
  std::string last_error;
};

std::string_view to_text(DialReason reason);
std::string_view to_text(ConnectionState state);
std::string_view to_text(GiveUp::Why why);

}  // namespace scpool::worker
