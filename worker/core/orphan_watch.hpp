// Whether the supervisor that started this worker is still there. A worker whose supervisor stays
// away longer than the grace drains and ends, so that a host whose supervisor is gone for good
// leaks no tunnel. The supervisor may come back as another process: only its socket counts.
#pragma once

#include <optional>

#include "common/base/time.hpp"

namespace scpool::worker {

struct OrphanRule {
  Duration grace = std::chrono::minutes{10};
  Duration check_every = std::chrono::seconds{15};
};

enum class ProbeResult { Answered, NobodyThere };

class OrphanWatch {
 public:
  OrphanWatch(const OrphanRule& rule, Instant now);

  // True at each check that is due.
  bool take_due(Instant now);
  Instant next_deadline() const { return next_; }
  void probed(ProbeResult result, Instant now);
  // It has been away for longer than the grace.
  bool orphaned(Instant now) const;
  Duration away_for(Instant now) const;

 private:
  OrphanRule rule_;
  Instant next_;
  // The first of the probes in a row that found nobody: time in which nobody asked (a suspended
  // host) does not count.
  std::optional<Instant> away_since_;
};

}  // namespace scpool::worker
