#include "server/io/admin_pages.hpp"

#include <algorithm>
#include <map>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "server/io/rest_answers.hpp"

namespace scpool::server {

namespace {

void print_tunnels(const ServerParts& parts, MetricsText& out) {
  std::map<std::string_view, std::uint64_t> phases = {
      {"booting", 0}, {"running", 0}, {"disconnected", 0}, {"draining", 0}};
  for (const Tunnel* tunnel : parts.ledger.tunnels().all()) {
    if (tunnel->active()) {
      ++phases[to_text(tunnel->phase)];
    }
  }
  out.family("tunnels", MetricType::Gauge, "Tunnels by state.");
  for (const auto& [phase, count] : phases) {
    out.sample({{"state", phase}}, count);
  }
  out.single("jobs", MetricType::Gauge, "Running jobs.", std::uint64_t{parts.ledger.jobs().size()});
}

void print_connections(const ServerParts& parts, MetricsText& out) {
  std::map<std::string_view, std::uint64_t> states = {
      {"ready", 0}, {"opening", 0}, {"suspect", 0}, {"suspended", 0}, {"draining", 0}};
  std::uint64_t sent = parts.metrics.sent_bytes();
  std::uint64_t received = parts.metrics.received_bytes();
  std::uint64_t streams = 0;
  std::uint64_t held = 0;
  Duration slowest = Duration::zero();
  for (const TunnelConnection* connection : parts.roster.all()) {
    const TunnelLinkFigures figures = connection->figures();
    ++states[figures.suspended     ? "suspended"
             : figures.draining    ? "draining"
             : figures.suspect     ? "suspect"
             : connection->ready() ? "ready"
                                   : "opening"];
    sent += figures.sent_bytes;
    received += figures.received_bytes;
    streams += figures.active_streams;
    held += figures.replay_bytes;
    slowest = std::max(slowest, figures.round_trip);
  }
  out.family("conn_state", MetricType::Gauge, "Tunnel connections by state.");
  for (const auto& [state, count] : states) {
    out.sample({{"state", state}}, count);
  }
  out.single("conn_rtt_seconds_max",
             MetricType::Gauge,
             "Round trip time of the slowest tunnel connection.",
             std::chrono::duration<double>(slowest).count());
  out.single("streams_active", MetricType::Gauge, "Streams in all tunnels.", streams);
  out.single("resume_held_bytes",
             MetricType::Gauge,
             "Bytes to workers that are kept until acknowledged.",
             held);
  out.single("sent_bytes_total", MetricType::Counter, "HTTP/2 bytes to workers.", sent);
  out.single("received_bytes_total", MetricType::Counter, "HTTP/2 bytes from workers.", received);
}

HttpResponse metrics(const AdminView& view) {
  MetricsText out("tunnel_server_");
  out.family("build_info", MetricType::Gauge, "The version that runs.");
  out.sample({{"version", SCPOOL_VERSION}}, std::uint64_t{1});
  print_tunnels(view.parts, out);
  print_connections(view.parts, out);
  out.single("ingress_connections",
             MetricType::Gauge,
             "Browser connections.",
             std::uint64_t{view.ingress_connections});
  out.single("eventloop_lag_seconds",
             MetricType::Gauge,
             "How late the loop's last timer was.",
             std::chrono::duration<double>(view.loop_lag).count());
  view.parts.metrics.print(out);
  HttpResponse response;
  response.fields.add("Content-Type", std::string(kMetricsContentType));
  response.body = out.take();
  return response;
}

HttpResponse readiness(const AdminView& view) {
  const nlohmann::json body = {{"ready", !view.stopping},
                               {"draining", view.stopping},
                               {"connections", view.parts.roster.ready_count()}};
  return json_response(view.stopping ? 503 : 200, json_text(body));
}

}  // namespace

HttpResponse admin_answer(const AdminView& view, const HttpRequest& request) {
  if (request.head.method != "GET" && request.head.method != "HEAD") {
    return method_not_allowed("GET, HEAD");
  }
  if (request.path == "/metrics") {
    return metrics(view);
  }
  if (request.path == "/healthz") {
    return text_response(200, "OK");
  }
  if (request.path == "/readyz") {
    return readiness(view);
  }
  if (request.path == "/version") {
    return json_response(200, json_text(nlohmann::json({{"version", SCPOOL_VERSION}})));
  }
  return not_found("page: there are /metrics, /healthz, /readyz and /version");
}

}  // namespace scpool::server
