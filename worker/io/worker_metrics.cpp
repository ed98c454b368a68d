#include "worker/io/worker_metrics.hpp"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/metrics_text.hpp"
#include "common/io/child_process.hpp"

namespace scpool::worker {

namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <std::size_t Bounds>
void write_histogram(MetricsText& out,
                     const std::string& code,
                     std::string_view method,
                     const std::array<double, Bounds>& bounds,
                     const Histogram<Bounds>& histogram) {
  std::uint64_t below = 0;
  for (std::size_t index = 0; index < Bounds; ++index) {
    below += histogram.counts[index];
    std::string bound = std::to_string(bounds[index]);
    bound.erase(bound.find_last_not_of('0') + 1);
    if (bound.back() == '.') {
      bound.pop_back();
    }
    out.sample("_bucket", {{"code", code}, {"method", method}, {"le", bound}}, below);
  }
  out.sample("_bucket", {{"code", code}, {"method", method}, {"le", "+Inf"}}, histogram.count);
  out.sample("_sum", {{"code", code}, {"method", method}}, histogram.sum);
  out.sample("_count", {{"code", code}, {"method", method}}, histogram.count);
}

void write_tunnel(MetricsText& out, const WorkerFacts& facts) {
  out.family("version", MetricType::Gauge, "The program.");
  out.sample({{"version", SCPOOL_VERSION}}, std::uint64_t{1});
  out.family("tunnel_info", MetricType::Gauge, "The tunnel.");
  out.sample({{"addr", facts.tunnel_server},
              {"hostname", facts.tunnel_host},
              {"id", facts.tunnel_id},
              {"name", facts.tunnel_name}},
             std::uint64_t{1});
  out.single("ready",
             MetricType::Gauge,
             "1 when the tunnel may receive jobs.",
             std::uint64_t{facts.ready ? 1U : 0U});
  out.single("jobs_running",
             MetricType::Gauge,
             "Jobs that use the tunnel, as far as the server tells.",
             facts.jobs_running);
  out.single("streams_active",
             MetricType::Gauge,
             "Requests under way, CONNECT and WebSocket included.",
             std::uint64_t{facts.active_streams});
  std::uint64_t active = 0;
  out.family("conn_state", MetricType::Gauge, "1 for the state each tunnel connection is in.");
  for (std::size_t index = 0; index < facts.connections.size(); ++index) {
    const ConnectionState state = facts.connections[index].state;
    active += state == ConnectionState::Ready || state == ConnectionState::Suspect ? 1 : 0;
    out.sample({{"conn", std::to_string(index)}, {"state", to_text(state)}}, std::uint64_t{1});
  }
  out.single(
      "tunnel_connections_active", MetricType::Gauge, "Tunnel connections that stand.", active);
  out.family("canary_age_seconds", MetricType::Gauge, "Time since the last canary request.");
  for (std::size_t index = 0; index < facts.connections.size(); ++index) {
    if (facts.connections[index].canary_age) {
      out.sample({{"conn", std::to_string(index)}}, seconds(*facts.connections[index].canary_age));
    }
  }
  out.family("conn_reconnects_total", MetricType::Counter, "Connections made after the first one.");
  for (std::size_t index = 0; index < facts.connections.size(); ++index) {
    out.sample({{"conn", std::to_string(index)}}, facts.connections[index].reconnects);
  }
}

void write_connections(MetricsText& out,
                       const ConnectionSet& connections,
                       const WorkerFacts& facts) {
  const std::vector<ConnectionFigures> list = connections.figures();
  const auto per_connection =
      [&](std::string_view name, MetricType type, std::string_view help, auto value) {
        out.family(name, type, help);
        for (std::size_t index = 0; index < list.size(); ++index) {
          out.sample({{"conn", std::to_string(index)}}, value(list[index]));
        }
      };
  per_connection("tunnel_sent_bytes",
                 MetricType::Counter,
                 "HTTP/2 bytes to the server.",
                 [](const ConnectionFigures& each) { return each.sent_bytes; });
  per_connection("tunnel_received_bytes",
                 MetricType::Counter,
                 "HTTP/2 bytes from the server.",
                 [](const ConnectionFigures& each) { return each.received_bytes; });
  per_connection("conn_rtt_seconds",
                 MetricType::Gauge,
                 "Round trip of the last ping.",
                 [](const ConnectionFigures& each) { return seconds(each.round_trip); });
  out.family("tunnel_connect_duration_seconds", MetricType::Gauge, "Time the last connect took.");
  for (std::size_t index = 0; index < list.size(); ++index) {
    out.sample({{"address", facts.tunnel_host}, {"conn", std::to_string(index)}},
               seconds(list[index].connect_duration));
  }
  per_connection("resume_held_bytes",
                 MetricType::Gauge,
                 "Bytes kept until the server acknowledges them.",
                 [](const ConnectionFigures& each) { return std::uint64_t{each.replay_bytes}; });
  out.family("resume_total", MetricType::Counter, "Cut connections, by how they went on.");
  for (const auto& [result, count] : connections.resumes()) {
    out.sample({{"result", result}}, count);
  }
  const auto of_host = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family(name, MetricType::Counter, help);
    out.sample({{"host", facts.tunnel_host}}, value);
  };
  of_host("tunnel_dialer_dialed_total", "Tunnel connections dialled.", connections.dials());
  of_host("tunnel_dialer_closed_total", "Tunnel connections closed.", connections.closed());
  of_host("tunnel_dialer_errors_total", "Dials that failed.", connections.dial_errors());
  out.family("tunnel_errors_total", MetricType::Counter, "Errors of the tunnel.");
  out.sample({{"type", "dial"}}, connections.dial_errors());
}

void write_requests(MetricsText& out, const OriginFigures& origin) {
  out.family("http_requests_total", MetricType::Counter, "Requests by code and method.");
  for (const auto& [key, figures] : origin.requests()) {
    out.sample({{"code", std::to_string(key.first)}, {"method", key.second}},
               figures.duration.count);
  }
  out.family("http_requests_in_flight", MetricType::Gauge, "Requests under way.");
  for (const auto& [method, count] : origin.in_flight()) {
    out.sample({{"method", method}}, static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
  }
  out.family("http_request_duration_seconds", MetricType::Histogram, "Duration of requests.");
  for (const auto& [key, figures] : origin.requests()) {
    write_histogram(out, std::to_string(key.first), key.second, kDurationBounds, figures.duration);
  }
  out.family("http_request_size_bytes", MetricType::Histogram, "Size of request bodies.");
  for (const auto& [key, figures] : origin.requests()) {
    write_histogram(out, std::to_string(key.first), key.second, kSizeBounds, figures.request_size);
  }
  out.family("http_response_size_bytes", MetricType::Histogram, "Size of response bodies.");
  for (const auto& [key, figures] : origin.requests()) {
    write_histogram(out, std::to_string(key.first), key.second, kSizeBounds, figures.response_size);
  }
  out.family("proxy_errors_total", MetricType::Counter, "Requests that ended in an error of ours.");
  for (const auto& [reason, count] : origin.proxy_errors()) {
    out.sample({{"reason", to_text(reason)}}, count);
  }
}

void write_dials(MetricsText& out, const OriginFigures& origin) {
  const auto by_host = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, MetricType::Counter, help);
    for (const auto& [host, figures] : origin.dials_by_host()) {
      out.sample({{"host", host}}, value(figures));
    }
  };
  by_host("dialer_dialed_total", "Connections to sites.", [](const DialFigures& each) {
    return each.dialed;
  });
  by_host("dialer_closed_total",
          "Connections to sites that were closed.",
          [](const DialFigures& each) { return each.closed; });
  by_host("dialer_errors_total", "Connections to sites that failed.", [](const DialFigures& each) {
    return each.errors;
  });
  by_host("dialer_retries_total",
          "Dials of sites that were tried again.",
          [](const DialFigures& each) { return each.retries; });
}

void write_process(MetricsText& out, Duration running) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto part = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  out.single("process_cpu_seconds_total",
             MetricType::Counter,
             "CPU time of the process.",
             part(usage.ru_utime) + part(usage.ru_stime));
  if (const auto facts = read_process_facts(getpid())) {
    out.single("process_resident_memory_bytes",
               MetricType::Gauge,
               "Resident memory.",
               facts->resident_bytes);
    out.single("process_open_fds",
               MetricType::Gauge,
               "Open descriptors.",
               std::uint64_t{facts->open_descriptors});
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    out.single("process_max_fds",
               MetricType::Gauge,
               "Descriptors the process may have open.",
               static_cast<std::uint64_t>(files.rlim_cur));
  }
  out.single(
      "process_uptime_seconds", MetricType::Gauge, "Time since the start.", seconds(running));
}

}  // namespace

std::string worker_metrics(const MetricsSources& sources) {
  MetricsText out("sauce_connect_");
  write_tunnel(out, sources.facts);
  if (sources.connections != nullptr) {
    write_connections(out, *sources.connections, sources.facts);
  }
  write_requests(out, sources.origin);
  write_dials(out, sources.origin);
  out.family("errors_total", MetricType::Counter, "Errors logged.");
  out.sample({{"name", "sc-worker"}}, sources.errors);
  write_process(out, sources.running);
  return out.take();
}

}  // namespace scpool::worker
