// What a tunnel's lifecycle asks its shell to do, and the form in which REST answers reach it.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

#include "common/base/time.hpp"
#include "worker/core/exit_cause.hpp"

namespace scpool::worker {

struct CheckUpdates {};
struct CreateTunnel {};
struct FetchTunnel {};
struct DeleteTunnel {
  enum class Wait { ForJobs, No };
  Wait wait = Wait::No;
  std::string reason;
};
struct StartConnections {};  // to the tunnel of tunnel()
struct DrainConnections {
  std::string reason;
  Duration grace = Duration::zero();
};
struct CloseConnections {};
struct AnnounceReady {};  // once in a worker's life
struct Say {
  enum class Level { Error, Info };
  Level level = Level::Info;
  std::string text;
};
struct Finish {
  ExitCause cause;
};
using LifecycleAction = std::variant<CheckUpdates,
                                     CreateTunnel,
                                     FetchTunnel,
                                     DeleteTunnel,
                                     StartConnections,
                                     DrainConnections,
                                     CloseConnections,
                                     AnnounceReady,
                                     Say,
                                     Finish>;
using LifecycleActions = std::vector<LifecycleAction>;

inline void append(LifecycleActions& actions, LifecycleActions more) {
  std::move(more.begin(), more.end(), std::back_inserter(actions));
}

template <class T>
using RestOutcome = std::variant<T, RestProblem>;

}  // namespace scpool::worker
