#include "supervisor/core/orphan_policy.hpp"

#include <doctest/doctest.h>

namespace scpool::supervisor {
namespace {

constexpr Instant kNow{1h};
constexpr WorkerId kLiving{{0}, {5}};
constexpr WorkerId kDead{{1}, {4}};

ListedTunnel ours(const char* id, WorkerId worker) {
  return {{id}, true, true, false, worker};
}

}  // namespace

TEST_CASE("own tunnels without a worker are deleted, living and foreign ones never") {
  const PoolPolicy policy;
  OrphanPolicy orphans;
  const std::vector<WorkerId> living = {kLiving};
  const ListedTunnel foreign{{"foreign"}, true, true, false, std::nullopt};
  ListedTunnel ended = ours("ended", kDead);
  ended.ended = true;
  const ListedTunnel unknown = ours("unknown", WorkerId{{0}, {9}});
  orphans.listed({ours("living", kLiving), ours("dead", kDead), foreign, ended, unknown},
                 living,
                 Generation{6},
                 kNow);
  CHECK(orphans.take_due(policy, kNow) == TunnelId{"dead"});
  CHECK(orphans.take_due(policy, kNow).empty());
  CHECK(orphans.take_foreign().empty());
  orphans.deleted({"dead"});
  CHECK(orphans.idle());
}

TEST_CASE("a foreign tunnel without the pool flag is reported once") {
  OrphanPolicy orphans;
  const ListedTunnel foreign{{"f"}, true, false, false, std::nullopt};
  orphans.listed({foreign}, {}, Generation{1}, kNow);
  orphans.listed({foreign}, {}, Generation{1}, kNow);
  CHECK(orphans.take_foreign() == std::vector<TunnelId>{{"f"}});
  CHECK(orphans.take_foreign().empty());
  CHECK(orphans.idle());
}

TEST_CASE("a failed deletion is tried again, an unanswered one too") {
  const PoolPolicy policy;
  Random random(1);
  OrphanPolicy orphans;
  orphans.condemn({"t"}, kNow);
  orphans.condemn({"t"}, kNow);
  orphans.condemn({""}, kNow);
  CHECK(orphans.condemned().size() == 1);
  CHECK(orphans.take_due(policy, kNow) == TunnelId{"t"});
  CHECK(orphans.next_due() == kNow + 2 * policy.rest_timeout);
  orphans.delete_failed({"t"}, policy, kNow, random);
  CHECK(orphans.next_due() > kNow);
  CHECK(orphans.next_due() <= kNow + 1s + policy.backoff.cap);
  CHECK(orphans.take_due(policy, orphans.next_due()) == TunnelId{"t"});
}

}  // namespace scpool::supervisor
