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
                 kNow,
                 kNow);
  const auto due = orphans.take_due(policy, kNow);
  REQUIRE(due.has_value());
  CHECK(due->tunnel == TunnelId{"dead"});
  CHECK(due->why == ReasonKind::OrphanFound);
  CHECK_FALSE(orphans.take_due(policy, kNow).has_value());
  CHECK(orphans.take_foreign().empty());
  orphans.deleted({"dead"});
  CHECK(orphans.idle());
}

TEST_CASE("a list asked for before a worker ended condemns nothing of it; the next one does") {
  OrphanPolicy orphans;
  orphans.worker_ended(kDead, kNow);
  orphans.listed({ours("dead", kDead)}, {}, Generation{6}, kNow - 1ms, kNow + 1ms);
  CHECK(orphans.idle());
  orphans.listed({ours("dead", kDead)}, {}, Generation{6}, kNow + 30s, kNow + 30s);
  CHECK_FALSE(orphans.idle());
}

TEST_CASE("a foreign tunnel without the pool flag is reported once") {
  OrphanPolicy orphans;
  const ListedTunnel foreign{{"f"}, true, false, false, std::nullopt};
  orphans.listed({foreign}, {}, Generation{1}, kNow, kNow);
  orphans.listed({foreign}, {}, Generation{1}, kNow, kNow);
  CHECK(orphans.take_foreign() == std::vector<TunnelId>{{"f"}});
  CHECK(orphans.take_foreign().empty());
  CHECK(orphans.idle());
}

TEST_CASE("a failed deletion is tried again, an unanswered one too") {
  const PoolPolicy policy;
  Random random(1);
  OrphanPolicy orphans;
  orphans.condemn({"t"}, ReasonKind::WorkerEnded, kNow);
  orphans.condemn({"t"}, ReasonKind::WorkerEnded, kNow);
  orphans.condemn({""}, ReasonKind::WorkerEnded, kNow);
  CHECK(orphans.condemned().size() == 1);
  CHECK(orphans.take_due(policy, kNow)->why == ReasonKind::WorkerEnded);
  CHECK(orphans.next_due() == kNow + 2 * policy.rest_timeout);
  orphans.delete_failed({"t"}, policy, kNow, random);
  CHECK(orphans.next_due() > kNow);
  CHECK(orphans.next_due() <= kNow + 1s + policy.backoff.cap);
  CHECK(orphans.take_due(policy, orphans.next_due())->tunnel == TunnelId{"t"});
}

}  // namespace scpool::supervisor
