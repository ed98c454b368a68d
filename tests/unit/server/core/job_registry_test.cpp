#include "server/core/job_registry.hpp"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/server/core/registry_fixture.hpp"

namespace scpool::server {
namespace {

JobId job_id(int number) {
  return {"job" + std::to_string(number)};
}

JobAddress labelled(const std::string& label, const std::string& name = "pool") {
  return {"ann", name, label};
}

TEST_CASE("jobs go round the pool, and each keeps its tunnel") {
  Registries r;
  for (int number = 1; number <= 3; ++number) {
    r.running(number);
  }
  std::map<std::string, int> spread;
  for (int number = 0; number < 200; ++number) {
    const auto job = r.jobs.use_implicit(job_id(number), labelled(std::to_string(number)), at(0s));
    REQUIRE(job.ok());
    const auto tunnel = r.jobs.tunnel_for(job.value(), at(0s).now);
    REQUIRE(tunnel.ok());
    ++spread[tunnel.value().value];
    CHECK(r.jobs.tunnel_for(job.value(), at(1s).now).value() == tunnel.value());
  }
  CHECK(spread == std::map<std::string, int>{{tunnel_id(1).value, 67},
                                             {tunnel_id(2).value, 67},
                                             {tunnel_id(3).value, 66}});
  CHECK(r.jobs.running_on(tunnel_id(1)) == 67);
}

TEST_CASE("the same label is the same job, another label another one") {
  Registries r;
  r.running(1);
  r.running(2);
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value() == job_id(1));
  CHECK(r.jobs.use_implicit(job_id(2), labelled("a"), at(0s)).value() == job_id(1));
  CHECK(r.jobs.use_implicit(job_id(3), labelled("b"), at(0s)).value() == job_id(3));
}

TEST_CASE("an implicit job ends a minute after its last connection") {
  Registries r;
  r.running(1);
  const JobId job = r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value();
  r.jobs.connection_opened(job);
  r.jobs.connection_opened(job);
  r.jobs.connection_closed(job, at(10s).now);
  CHECK(r.jobs.next_deadline() == kNever);
  r.jobs.connection_closed(job, at(20s).now);
  CHECK(r.jobs.next_deadline() == at(80s).now);
  r.jobs.wake(at(80s - 1ns));
  CHECK(r.jobs.find(job) != nullptr);
  r.jobs.wake(at(80s));
  CHECK(r.jobs.find(job) == nullptr);
  CHECK(r.jobs.running_on(tunnel_id(1)) == 0);
  const JobChanges changes = r.jobs.take_changes();
  CHECK(changes.erased == std::vector<JobId>{job});
  CHECK(changes.saved.empty());
  CHECK(changes.lost_one == std::vector<TunnelId>{tunnel_id(1)});
}

TEST_CASE("a draining member gets no new jobs and keeps its own; its idle ones end soon") {
  Registries r;
  r.running(1);
  r.running(2);
  const JobId job = r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value();
  const TunnelId tunnel = r.jobs.tunnel_for(job, at(0s).now).value();
  r.tunnels.remove(tunnel, "sigterm", DeleteWait::ForJobs, r.jobs.running_on(tunnel), at(1s));
  CHECK(r.jobs.tunnel_for(job, at(2s).now).value() == tunnel);
  for (int number = 2; number < 6; ++number) {
    const JobId other =
        r.jobs.use_implicit(job_id(number), labelled(std::to_string(number)), at(2s)).value();
    CHECK(r.jobs.tunnel_for(other, at(2s).now).value() != tunnel);
  }
  r.jobs.wake(at(5s));
  CHECK(r.jobs.find(job) == nullptr);
  CHECK(r.jobs.find(job_id(2)) != nullptr);
}

TEST_CASE("a kept-alive connection without a request does not hold a draining member") {
  Registries r;
  r.running(1);
  const JobId job = r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value();
  r.jobs.connection_opened(job);
  CHECK(r.jobs.request_started(job, at(0s).now).value() == tunnel_id(1));
  r.tunnels.remove(tunnel_id(1), "sigterm", DeleteWait::ForJobs, 1, at(1s));
  CHECK(r.jobs.next_deadline() == kNever);
  r.jobs.request_ended(job, at(60s).now);
  CHECK(r.jobs.next_deadline() == at(65s).now);
  r.jobs.wake(at(65s));
  CHECK(r.jobs.find(job) == nullptr);
  r.jobs.connection_closed(job, at(70s).now);  // finds nobody
  r.jobs.request_ended(job, at(70s).now);
  CHECK_FALSE(r.jobs.request_started(job, at(70s).now).ok());
}

TEST_CASE("a job moves to a mate only when its tunnel is gone") {
  Registries r;
  r.running(1);
  r.running(2);
  const JobId job = r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value();
  CHECK(r.jobs.tunnel_for(job, at(0s).now).value() == tunnel_id(1));
  r.tunnels.connection_lost(tunnel_id(1), at(10s));
  CHECK(r.jobs.tunnel_for(job, at(11s).now).value() == tunnel_id(1));
  // Cut off for a while: a mate answers, the job stays.
  CHECK(r.jobs.tunnel_for(job, at(12s).now).value() == tunnel_id(2));
  CHECK(r.jobs.mate_of(job) == tunnel_id(2));
  CHECK(r.jobs.running_on(tunnel_id(1)) == 1);
  CHECK(r.jobs.running_on(tunnel_id(2)) == 0);
  r.tunnels.connection_ready(tunnel_id(1), at(13s));
  CHECK(r.jobs.tunnel_for(job, at(14s).now).value() == tunnel_id(1));

  r.tunnels.terminate(tunnel_id(1), "test", at(15s));
  CHECK(r.jobs.tunnel_for(job, at(15s).now).value() == tunnel_id(2));
  CHECK(r.jobs.running_on(tunnel_id(2)) == 1);
  r.tunnels.terminate(tunnel_id(2), "test", at(16s));
  CHECK(r.jobs.tunnel_for(job, at(16s).now).error().kind() == ErrorKind::NotFound);
}

TEST_CASE("a mate for one request leaves the job where it is") {
  Registries r;
  r.running(1);
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).ok());
  CHECK_FALSE(r.jobs.mate_of(job_id(1)).has_value());
  r.running(2);
  CHECK(r.jobs.mate_of(job_id(1)) == tunnel_id(2));
  CHECK(r.jobs.find(job_id(1))->tunnel == tunnel_id(1));
}

TEST_CASE("a tunnel id addresses one member, and such a job never moves") {
  Registries r;
  r.running(1);
  r.running(2);
  const JobId job =
      r.jobs.use_implicit(job_id(1), labelled("a", tunnel_id(2).value), at(0s)).value();
  CHECK(r.jobs.tunnel_for(job, at(0s).now).value() == tunnel_id(2));
  CHECK_FALSE(r.jobs.mate_of(job).has_value());
  r.tunnels.terminate(tunnel_id(2), "test", at(1s));
  CHECK(r.jobs.tunnel_for(job, at(10s).now).error().kind() == ErrorKind::NotFound);
  // Not of somebody else's account.
  const auto foreign = r.jobs.use_implicit(job_id(2), {"bob", tunnel_id(1).value, "a"}, at(0s));
  CHECK(foreign.error().kind() == ErrorKind::NotFound);
}

TEST_CASE("without a name the account's only one is meant") {
  Registries r;
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a", ""), at(0s)).error().kind() ==
        ErrorKind::NotFound);
  r.running(1);
  r.running(2);
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a", ""), at(0s)).ok());
  r.running(3, "other");
  CHECK(r.jobs.use_implicit(job_id(2), labelled("b", ""), at(0s)).error().kind() ==
        ErrorKind::NotFound);
  r.running(4, "");
  const JobId job = r.jobs.use_implicit(job_id(3), labelled("c", ""), at(0s)).value();
  CHECK(r.jobs.tunnel_for(job, at(0s).now).value() == tunnel_id(4));
}

TEST_CASE("members that cannot take a job now are not the same as no members") {
  Registries r;
  REQUIRE(r.create(1).ok());
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).error().kind() ==
        ErrorKind::Unreachable);
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a", "nobody"), at(0s)).error().kind() ==
        ErrorKind::NotFound);
  CHECK(r.jobs.size() == 0);
  r.tunnels.connection_ready(tunnel_id(1), at(1s));
  CHECK(r.jobs.use_implicit(job_id(1), labelled("a"), at(1s)).ok());
}

TEST_CASE("explicit jobs stay until they are ended, or idle for a day") {
  Registries r;
  r.running(1);
  REQUIRE(r.jobs.start_explicit(job_id(1), labelled("login test"), "hash", at(0s)).ok());
  REQUIRE(r.jobs.start_explicit(job_id(2), labelled("login test"), "hash", at(0s)).ok());
  r.jobs.wake(at(23h));
  CHECK(r.jobs.running_on(tunnel_id(1)) == 2);
  r.jobs.end(job_id(1));
  r.jobs.end(job_id(1));
  CHECK(r.jobs.running_on(tunnel_id(1)) == 1);
  r.jobs.wake(at(24h));
  CHECK(r.jobs.running_on(tunnel_id(1)) == 0);
}

TEST_CASE("jobs per account are bounded") {
  Registries r;
  r.running(1);
  JobRules rules;
  rules.max_per_account = 1;
  JobRegistry jobs{r.tunnels, rules};
  CHECK(jobs.use_implicit(job_id(1), labelled("a"), at(0s)).ok());
  CHECK(jobs.use_implicit(job_id(2), labelled("b"), at(0s)).error().kind() == ErrorKind::Exhausted);
  jobs.end(job_id(1));
  CHECK(jobs.use_implicit(job_id(2), labelled("b"), at(0s)).ok());
}

TEST_CASE("restored jobs keep their tunnel") {
  Registries r;
  r.running(1);
  r.running(2);
  const JobId job = r.jobs.use_implicit(job_id(1), labelled("a"), at(0s)).value();
  const Job stored = *r.jobs.find(job);
  JobRegistry again{r.tunnels, JobRules{}};
  again.restore(stored, at(0s));
  CHECK(again.running_on(tunnel_id(1)) == 1);
  CHECK(again.use_implicit(job_id(9), labelled("a"), at(1s)).value() == job);
  CHECK(again.tunnel_for(job, at(1s).now).value() == tunnel_id(1));
}

}  // namespace
}  // namespace scpool::server
