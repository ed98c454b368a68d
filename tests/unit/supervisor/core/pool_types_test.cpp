#include "supervisor/core/pool_types.hpp"

#include <doctest/doctest.h>

#include <set>

namespace scpool::supervisor {

TEST_CASE("each reason, cause and state has a name of its own") {
  std::set<std::string_view> names;
  for (int kind = 0; kind <= static_cast<int>(ReasonKind::StateChanged); ++kind) {
    names.insert(to_text(static_cast<ReasonKind>(kind)));
  }
  CHECK(names.size() == static_cast<std::size_t>(ReasonKind::StateChanged) + 1);
  CHECK(to_text(ReasonKind::StateChanged) == "state-changed");
  CHECK(to_text(ReasonKind::ForeignTunnel) == "foreign-tunnel");
  names.clear();
  for (int cause = 0; cause <= static_cast<int>(ExitCause::Unknown); ++cause) {
    names.insert(to_text(static_cast<ExitCause>(cause)));
  }
  CHECK(names.size() == static_cast<std::size_t>(ExitCause::Unknown) + 1);
  CHECK_FALSE(names.contains("?"));
}

TEST_CASE("a worker is named as its files are") {
  CHECK(to_text(WorkerId{{2}, {17}}) == "2.17");
  CHECK(to_text(Reason{ReasonKind::MaxAge, "24h"}) == "max-age: 24h");
  CHECK(to_text(Reason{ReasonKind::MaxAge, ""}) == "max-age");
}

TEST_CASE("the name under which a worker's descriptor is kept leads back to it") {
  const WorkerId worker{{2}, {17}};
  CHECK(stored_name(worker) == "worker-2.17");
  CHECK(stored_worker("worker-2.17") == worker);
  for (const char* other :
       {"", "stored", "worker-", "worker-2", "worker-2.x", "worker-99999999999.1"}) {
    CAPTURE(other);
    CHECK_FALSE(stored_worker(other).has_value());
  }
}

TEST_CASE("active is what size and surge bound") {
  CHECK(is_active(WorkerState::Starting));
  CHECK(is_active(WorkerState::Unhealthy));
  CHECK_FALSE(is_active(WorkerState::Draining));
  CHECK(is_permanent(ExitCause::Credentials));
  CHECK_FALSE(is_permanent(ExitCause::Quota));
}

}  // namespace scpool::supervisor
