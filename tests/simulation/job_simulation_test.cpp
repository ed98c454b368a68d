// Seeded faults over both registries of sc-server: tunnels come, connect, drop, drain, collide and
// end while jobs start, move and finish. The invariants are checked after every step; a failing
// seed is printed.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "server/core/job_registry.hpp"
#include "server/core/tunnel_registry.hpp"

namespace scpool::server {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLimit = 6;
constexpr int kSteps = 400;

class SimulatedServer {
 public:
  explicit SimulatedServer(std::uint64_t seed) : random_(seed) {}

  void step() {
    moment_.now += random_.up_to(20s);
    moment_.wall += 10s;
    switch (random_.below(12)) {
      case 0:
        create();
        break;
      case 1:
      case 2:
        connect();
        break;
      case 3:
        tunnels_.connection_lost(any_tunnel(), moment_);
        break;
      case 4:
        remove();
        break;
      case 5:
        end_job();
        break;
      case 6:
        close_connection();
        end_request();
        break;
      case 7:
        use_jobs();
        break;
      case 8:
        burst();
        break;
      default:
        start_job();
        break;
    }
    jobs_.wake(moment_);
    tunnels_.wake(moment_);
    settle();
    check();
  }

  // After the last fault everything ends by itself.
  void finish() {
    while (!open_.empty()) {
      close_connection();
    }
    while (!busy_.empty()) {
      end_request();
    }
    moment_.now += 25h;
    for (int round = 0; round < 3; ++round) {
      jobs_.wake(moment_);
      tunnels_.wake(moment_);
      settle();
      moment_.now += 6min;
    }
    CHECK(jobs_.size() == 0);
    for (const Tunnel* tunnel : tunnels_.all()) {
      CHECK(jobs_.running_on(tunnel->state.id) == 0);
      CHECK(tunnel->phase != TunnelPhase::Draining);
    }
  }

 private:
  std::string name() { return random_.chance(0.8) ? "pool" : "other"; }

  TunnelId any_tunnel() {
    const std::vector<const Tunnel*> all = tunnels_.all();
    return all.empty() ? TunnelId{} : all[random_.below(all.size())]->state.id;
  }

  void create() {
    CreateTunnelRequest request;
    request.tunnel_identifier = name();
    request.tunnel_pool = random_.chance(0.97);
    const std::size_t before = tunnels_.active_count("ann");
    const auto made = tunnels_.create(
        {TunnelId{"t" + std::to_string(++made_)}, "ann", "host:1", std::nullopt, kLimit},
        request,
        moment_);
    if (!made) {
      CHECK(before >= kLimit);
    }
  }

  void connect() {
    const TunnelId id = any_tunnel();
    tunnels_.connection_ready(id, moment_);
    settle();
  }

  void remove() {
    const TunnelId id = any_tunnel();
    tunnels_.remove(id,
                    "sigterm",
                    random_.chance(0.7) ? DeleteWait::ForJobs : DeleteWait::No,
                    jobs_.running_on(id),
                    moment_);
  }

  std::optional<JobId> start_job() {
    const JobId fresh{"j" + std::to_string(++made_)};
    const JobAddress address{"ann", name(), std::to_string(random_.below(300))};
    const Result<JobId> job = random_.chance(0.3)
                                  ? jobs_.start_explicit(fresh, address, "hash", moment_)
                                  : jobs_.use_implicit(fresh, address, moment_);
    if (!job) {
      for (const Tunnel* member : tunnels_.members("ann", address.tunnel_name)) {
        CHECK_FALSE(member->takes_jobs());
      }
      return std::nullopt;
    }
    if (job.value() == fresh) {
      // A new job starts only on a member that takes jobs.
      CHECK(tunnels_.find(jobs_.find(fresh)->tunnel)->takes_jobs());
    }
    jobs_.connection_opened(job.value());
    static_cast<void>(jobs_.request_started(job.value(), moment_.now));
    if (random_.chance(0.5)) {
      jobs_.request_ended(job.value(), moment_.now);
    } else {
      busy_.push_back(job.value());
    }
    open_.push_back(job.value());
    return job.value();
  }

  // Many jobs at once with fixed members are spread evenly.
  void burst() {
    std::map<std::string, int> spread;
    for (const Tunnel* member : tunnels_.members("ann", "pool")) {
      if (member->takes_jobs()) {
        spread[member->state.id.value] = 0;
      }
    }
    for (int number = 0; number < 20 && !spread.empty(); ++number) {
      const JobId fresh{"j" + std::to_string(++made_)};
      REQUIRE(jobs_.start_explicit(fresh, {"ann", "pool", "burst"}, "hash", moment_).ok());
      const TunnelId tunnel = jobs_.find(fresh)->tunnel;
      REQUIRE(spread.contains(tunnel.value));
      ++spread[tunnel.value];
    }
    const auto [least, most] =
        std::minmax_element(spread.begin(), spread.end(), [](const auto& left, const auto& right) {
          return left.second < right.second;
        });
    if (!spread.empty()) {
      CHECK(most->second - least->second <= 1);
    }
  }

  void use_jobs() {
    for (const Job* job : jobs_.of_account("ann")) {
      const TunnelId before = job->tunnel;
      const Tunnel* old = tunnels_.find(before);
      const bool usable = old != nullptr && old->active() && old->state.connections.ready > 0;
      const Result<TunnelId> now = jobs_.tunnel_for(JobId{job->id}, moment_.now);
      if (usable) {
        CHECK(now.ok());
        CHECK(now.value() == before);
      } else if (now && now.value() != before) {
        CHECK(tunnels_.find(now.value())->takes_jobs());
      }
    }
  }

  void end_job() {
    const std::vector<const Job*> all = jobs_.of_account("ann");
    if (all.empty()) {
      return;
    }
    const JobId id = all[random_.below(all.size())]->id;
    std::erase(open_, id);
    std::erase(busy_, id);
    jobs_.end(id);
  }

  void close_connection() {
    if (open_.empty()) {
      return;
    }
    const std::size_t index = random_.below(open_.size());
    const JobId id = open_[index];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    jobs_.connection_closed(id, moment_.now);
  }

  void end_request() {
    if (!busy_.empty()) {
      jobs_.request_ended(busy_.back(), moment_.now);
      busy_.pop_back();
    }
  }

  // What the shell does with changes.
  void settle() {
    for (const TunnelId& tunnel : jobs_.take_changes().lost_one) {
      tunnels_.jobs_running(tunnel, jobs_.running_on(tunnel), moment_);
    }
    (void)tunnels_.take_changes();
  }

  void check() {
    CHECK(tunnels_.active_count("ann") <= kLimit);
    std::map<std::string, std::size_t> counted;
    for (const Job* job : jobs_.of_account("ann")) {
      ++counted[job->tunnel.value];
    }
    for (const Tunnel* tunnel : tunnels_.all()) {
      const std::size_t running = jobs_.running_on(tunnel->state.id);
      CHECK(running == counted[tunnel->state.id.value]);
      if (tunnel->phase == TunnelPhase::Draining) {
        CHECK(running > 0);
      }
      CHECK((tunnel->phase == TunnelPhase::Running) == tunnel->state.is_ready);
      if (tunnel->phase == TunnelPhase::Running) {
        CHECK(tunnel->state.connections.ready > 0);
      }
    }
  }

  Random random_;
  Moment moment_{Instant{} + 1h, wall_time_from_unix(1'800'000'000)};
  TunnelRegistry tunnels_{TunnelRules{}};
  JobRegistry jobs_{tunnels_, JobRules{}};
  std::vector<JobId> open_;  // one entry per open connection
  std::vector<JobId> busy_;  // one per running request
  int made_ = 0;
};

TEST_CASE("tunnels and jobs keep their promises under seeded faults") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    SimulatedServer server(seed);
    for (int step = 0; step < kSteps; ++step) {
      CAPTURE(step);
      server.step();
    }
    server.finish();
  }
}

}  // namespace
}  // namespace scpool::server
