#include "server/io/tunnel_roster.hpp"

#include <algorithm>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/text.hpp"
#include "server/core/drain_spread.hpp"
#include "server/core/suspension_policy.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

// What the streams of a tunnel that was ended still get: their last bytes, not more.
constexpr Duration kEndGrace = 2s;
// What the streams of a connection get whose worker has made another in its place.
constexpr Duration kReplacedGrace = 30s;
// Many jobs that start together make one report.
constexpr Duration kReportDelay = 100ms;

bool same_place(const ConnectionIdentity& left, const ConnectionIdentity& right) {
  return left.instance == right.instance && left.index == right.index;
}

}  // namespace

TunnelRoster::TunnelRoster(
    EventLoop& loop, Log& log, Ledger& ledger, Metrics& metrics, Random random)
    : loop_(loop),
      log_(log),
      ledger_(ledger),
      metrics_(metrics),
      random_(random),
      report_timer_(loop) {}

TunnelRoster::~TunnelRoster() = default;

TunnelRoster::Admission TunnelRoster::admits(const ConnectionIdentity& identity) const {
  const auto found = tunnels_.find(identity.tunnel.value);
  if (found == tunnels_.end()) {
    return Admission::Welcome;
  }
  std::size_t others = 0;
  for (const auto& connection : found->second) {
    if (!same_place(connection->identity(), identity)) {
      ++others;
    } else if (connection->identity().epoch >= identity.epoch) {
      return Admission::Superseded;
    }
  }
  return others < limits::kMaxTunnelConnections ? Admission::Welcome : Admission::Full;
}

void TunnelRoster::add(ConnectionIdentity identity,
                       UpgradedConnection upgraded,
                       const TunnelLinkSettings& settings) {
  for (TunnelConnection* old : pointers(&identity.tunnel)) {
    if (same_place(old->identity(), identity)) {
      if (old->suspended_since()) {
        old->give_up(Error(ErrorKind::Closed, "replaced by a newer connection"));
      } else {
        old->retire("replaced by a newer connection", kReplacedGrace);
        lost(*old);
      }
    }
  }
  const std::string tunnel = identity.tunnel.value;
  tunnels_[tunnel].push_back(std::make_unique<TunnelConnection>(
      loop_, std::move(identity), std::move(upgraded), settings, *this));
}

TunnelConnection* TunnelRoster::find_session(const TunnelId& tunnel, std::string_view session) {
  for (TunnelConnection* connection : pointers(&tunnel)) {
    if (!session.empty() && connection->identity().session.id == session) {
      return connection;
    }
  }
  return nullptr;
}

TunnelConnection* TunnelRoster::choose(const TunnelId& tunnel, const TunnelConnection* besides) {
  const auto found = tunnels_.find(tunnel.value);
  if (found == tunnels_.end()) {
    return nullptr;
  }
  const auto& connections = found->second;
  const auto candidate_at = [&connections, besides](std::size_t index) {
    TunnelConnection& connection = *connections[index];
    return &connection == besides ? PlacementCandidate{} : connection.candidate();
  };
  const std::optional<std::size_t> chosen = place_stream(connections.size(), candidate_at, random_);
  return chosen ? connections[*chosen].get() : nullptr;
}

void TunnelRoster::end_tunnel(const TunnelId& tunnel, const std::string& reason) {
  for (TunnelConnection* connection : pointers(&tunnel)) {
    connection->end(reason, kEndGrace);
  }
}

void TunnelRoster::report_jobs(const TunnelId& tunnel) {
  jobs_to_report_.insert(tunnel);
  if (!report_timer_.armed()) {
    report_timer_.start(kReportDelay, [this] { send_job_reports(); });
  }
}

void TunnelRoster::send_job_reports() {
  for (const TunnelId& tunnel : std::exchange(jobs_to_report_, {})) {
    const std::vector<TunnelConnection*> connections = pointers(&tunnel);
    const auto ready = std::find_if(
        connections.begin(), connections.end(), [](const auto* each) { return each->ready(); });
    if (ready != connections.end()) {
      (*ready)->link().send_control(control::Stats{ledger_.jobs().running_on(tunnel)});
    }
  }
}

// A copy: a connection may be over while it is told something.
std::vector<TunnelConnection*> TunnelRoster::pointers(const TunnelId* only) const {
  std::vector<TunnelConnection*> result;
  for (const auto& [tunnel, connections] : tunnels_) {
    for (const auto& connection : connections) {
      if (only == nullptr || tunnel == only->value) {
        result.push_back(connection.get());
      }
    }
  }
  return result;
}

void TunnelRoster::drain_all(const std::string& reason, Duration grace) {
  const std::vector<TunnelConnection*> connections = pointers(nullptr);
  const std::vector<Duration> delays = spread_drains(connections.size(), grace, random_);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i]->ask_to_leave(reason, delays[i], grace);
  }
}

void TunnelRoster::on_connection_ready(TunnelConnection& connection) {
  const ConnectionIdentity& identity = connection.identity();
  log_.info("tunnels",
            "connection ready",
            {{"id", identity.tunnel.value},
             {"conn", std::to_string(identity.index)},
             {"peer", identity.peer}});
  gained(connection);
}

void TunnelRoster::gained(TunnelConnection& connection) {
  const TunnelId tunnel = connection.identity().tunnel;
  if (counted_.insert(&connection).second) {
    ledger_.tunnels().connection_ready(tunnel, ledger_.moment());
    ledger_.settle();
  }
  report_jobs(tunnel);
  wake_waiters();
}

void TunnelRoster::on_connection_suspended(TunnelConnection& connection, const Error& why) {
  const ConnectionIdentity& identity = connection.identity();
  const TunnelLinkFigures figures = connection.figures();
  log_.info("tunnels",
            "connection cut, waiting for its worker",
            {{"id", identity.tunnel.value},
             {"conn", std::to_string(identity.index)},
             {"why", why.sentence()},
             {"streams", std::to_string(figures.active_streams)},
             {"held", std::to_string(figures.held_bytes)}});
  metrics_.connection_ended("suspended");
  lost(connection);
  count_suspended(identity.tunnel);
  end_surplus_sessions();
}

void TunnelRoster::count_suspended(const TunnelId& tunnel) {
  const std::vector<const TunnelConnection*> connections = of(tunnel);
  ledger_.tunnels().suspended(
      tunnel,
      static_cast<std::size_t>(
          std::count_if(connections.begin(), connections.end(), [](const TunnelConnection* each) {
            return each->suspended_since().has_value();
          })));
}

void TunnelRoster::on_connection_resumed(TunnelConnection& connection,
                                         Duration outage,
                                         std::uint64_t replayed) {
  const ConnectionIdentity& identity = connection.identity();
  log_.info("tunnels",
            "connection resumed",
            {{"id", identity.tunnel.value},
             {"conn", std::to_string(identity.index)},
             {"peer", identity.peer},
             {"after", rough_duration(outage)},
             {"replayed", std::to_string(replayed)}});
  metrics_.resumed("resumed");
  count_suspended(identity.tunnel);
  if (!connection.figures().draining) {
    gained(connection);
  }
}

void TunnelRoster::end_surplus_sessions() {
  std::vector<SuspendedSession> sessions;
  std::vector<TunnelConnection*> connections;
  for (TunnelConnection* connection : pointers(nullptr)) {
    if (connection->suspended_since()) {
      connections.push_back(connection);
      const TunnelLinkFigures figures = connection->figures();
      sessions.push_back({connection->identity().tunnel.value,
                          *connection->suspended_since(),
                          figures.held_bytes + figures.unsent_bytes});
    }
  }
  for (const std::size_t index : sessions_to_end(sessions, SuspensionLimits{})) {
    connections[index]->give_up(
        Error(ErrorKind::Exhausted, "too much is held for workers that were cut off"));
  }
}

void TunnelRoster::on_connection_draining(TunnelConnection& connection) {
  lost(connection);
}

void TunnelRoster::lost(TunnelConnection& connection) {
  if (counted_.erase(&connection) == 0) {
    return;
  }
  ledger_.tunnels().connection_lost(connection.identity().tunnel, ledger_.moment());
  ledger_.settle();
}

void TunnelRoster::on_connection_over(TunnelConnection& connection, const Error& error) {
  const ConnectionIdentity identity = connection.identity();
  const TunnelLinkFigures figures = connection.figures();
  metrics_.connection_bytes(figures.sent_bytes, figures.received_bytes);
  metrics_.connection_ended(to_text(error.kind()));
  if (connection.suspended_since()) {
    metrics_.resumed(error.kind() == ErrorKind::Exhausted ? "evicted" : "ended");
  }
  log_.info("tunnels",
            "connection over",
            {{"id", identity.tunnel.value},
             {"conn", std::to_string(identity.index)},
             {"why", error.sentence()}});
  lost(connection);
  const auto found = tunnels_.find(identity.tunnel.value);
  SCPOOL_CHECK(found != tunnels_.end());
  const auto at = std::find_if(found->second.begin(), found->second.end(), [&](const auto& one) {
    return one.get() == &connection;
  });
  SCPOOL_CHECK(at != found->second.end());
  std::unique_ptr<TunnelConnection> over = std::move(*at);
  found->second.erase(at);
  if (found->second.empty()) {
    tunnels_.erase(found);
  }
  count_suspended(identity.tunnel);
  loop_.retire(std::move(over));
  wake_waiters();
}

void TunnelRoster::wake_waiters() {
  for (ConnectionWaiter* waiter : std::exchange(waiters_, {})) {
    waiter->on_connection_free();
  }
}

std::size_t TunnelRoster::size() const {
  std::size_t count = 0;
  for (const auto& [tunnel, connections] : tunnels_) {
    count += connections.size();
  }
  return count;
}

std::size_t TunnelRoster::ready_count() const {
  return counted_.size();
}

std::vector<const TunnelConnection*> TunnelRoster::of(const TunnelId& tunnel) const {
  std::vector<const TunnelConnection*> result;
  if (const auto found = tunnels_.find(tunnel.value); found != tunnels_.end()) {
    for (const auto& connection : found->second) {
      result.push_back(connection.get());
    }
  }
  return result;
}

std::vector<const TunnelConnection*> TunnelRoster::all() const {
  std::vector<const TunnelConnection*> result;
  for (const auto& [tunnel, connections] : tunnels_) {
    for (const auto& connection : connections) {
      result.push_back(connection.get());
    }
  }
  return result;
}

}  // namespace scpool::server
