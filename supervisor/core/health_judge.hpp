// Evidence to verdict. WorkerHealth: what probes and the REST list say of one worker, with
// hysteresis. PoolHealth: what may be done about it, so that a broken network never ends the pool.
// Ends nothing itself.
#pragma once

#include <cstdint>
#include <optional>

#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {

enum class Readiness { Ready, NotReady };

enum class HealthVerdict {
  Ready,
  Unready,  // it answers, and says it does not serve; or the server says so
  Silent,   // no answer to `silent_probes` probes in a row: hung
};

class WorkerHealth {
 public:
  void answered(Readiness local);
  void went_unanswered();
  // The REST list: it shows this tunnel ready or not, or does not show it at all.
  void listed(Readiness server);
  void not_listed();
  void server_unknown();  // REST cannot be reached: what it said no longer counts
  // The supervisor itself stood still: silence during that time is no evidence.
  void forget_silence() { silent_ = 0; }
  // It was silent when all were: not ready until it answers, and not hung before it was asked
  // again.
  void ask_anew();
  void trust();  // taken back from an earlier supervisor that knew it to be ready

  // Between answers a single failure changes nothing.
  HealthVerdict verdict(const PoolPolicy& policy) const;
  std::uint32_t silent_probes() const { return silent_; }
  bool local_ready() const { return local_ready_; }
  std::optional<bool> server_ready() const { return server_ready_; }

 private:
  std::uint32_t silent_ = 0;
  std::uint32_t missing_ = 0;
  bool local_ready_ = false;
  std::optional<bool> server_ready_;
};

// Counted over the workers that were ready once and are not leaving.
struct PoolHealth {
  std::uint32_t established = 0;
  std::uint32_t unhealthy = 0;
  std::uint32_t doubtful = 0;    // unhealthy, or the last probe went unanswered
  std::uint32_t recovering = 0;  // slots that were emptied for silence and are not ready again
  bool rest_stale = false;       // the REST API has not answered lately either
  std::uint32_t silent = 0;      // whose last probe went unanswered

  // Everything is unhealthy at once: suspect the network, the server or the host.
  // A worker whose last probe failed may be next, and does not speak against that. One worker alone
  // proves that only when it answers, and the server does not.
  bool network_suspected() const {
    return unhealthy > 0 && doubtful == established &&
           (established >= 2 || (rest_stale && silent == 0));
  }
  // One more silent worker may be killed: a quarter of the pool at once, one at least.
  bool may_kill_silent(std::uint32_t size) const;
};

}  // namespace scpool::supervisor
