#include "worker/worker.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>
#include <variant>

#include "common/base/text.hpp"
#include "common/io/process_memory.hpp"
#include "common/tunnel/carrier.hpp"
#include "worker/io/http_log.hpp"
#include "worker/io/worker_metrics.hpp"

namespace scpool::worker {

namespace {

// Limits of single REST calls (reference section c.4); creating may take the server a while.
constexpr Duration kFetchLimit = std::chrono::seconds{5};
constexpr Duration kCallLimit = std::chrono::seconds{10};
constexpr Duration kCreateLimit = std::chrono::seconds{45};
constexpr Duration kReachableWithin = std::chrono::seconds{5};
constexpr Duration kStartOver = std::chrono::seconds{2};

ConnectionPlannerRule planner_rule(const WorkerConfig& config) {
  ConnectionPlannerRule rule;
  rule.connections = config.tunnel_connections;
  return rule;
}

}  // namespace

Worker::Worker(EventLoop& loop, const WorkerSettings& settings)
    : loop_(loop),
      config_(*settings.config),
      tls_(*settings.tls),
      log_(*settings.log),
      started_(loop.now()),
      last_change_(loop.wall_now()),
      lifecycle_(LifecycleRule{}, config_.user, Random(random_seed())),
      registration_(loop, config_, log_, settings.command_line),
      connections_(loop,
                   tls_,
                   log_,
                   planner_rule(config_),
                   TunnelUse{config_.max_concurrent_streams,
                             config_.carrier,
                             carrier_cap(memory_of_process(), config_.tunnel_connections)},
                   connection_events()),
      network_(loop, [this] { connections_.network_changed(local_addresses()); }),
      signals_(loop),
      wake_(loop, [this] { wake(); }),
      reachability_(loop),
      memory_timer_(loop) {
  if (!config_.ready_file.empty()) {
    ready_file_.emplace(config_.ready_file);
  }
  if (config_.api_address) {
    api_.emplace(loop,
                 config_,
                 log_,
                 LocalApiSources{.facts = [this] { return facts(); },
                                 .metrics = [this] { return metrics(); },
                                 .configuration = settings.configuration});
  }
}

Worker::~Worker() {
  connections_.close_all();
}

std::optional<ExitCause> Worker::start() {
  log_.info("control", "Sauce Connect Proxy", {{"version", SCPOOL_VERSION}});
  log_.info("control", "please wait for 'you may start your tests' to start your tests");
  if (api_) {
    Result<std::optional<Endpoint>> listening = api_->listen();
    if (!listening.ok()) {
      return ExitCause{ExitClass::Port, "local API: " + listening.error().sentence()};
    }
    api_endpoint_ = std::move(listening).value();
    log_.info("api",
              "listening",
              {{"address",
                api_endpoint_ ? api_endpoint_->text() : "unix:" + config_.api_address->unix_path}});
  }
  gateway_ = std::make_unique<OriginGateway>(loop_, gateway_settings(), origin_figures_);
  watch_signals();
  watch_supervisor();
  log_.info("control",
            "provisioning Sauce Connect",
            {{"region", config_.region.empty() ? config_.rest_url : config_.region},
             {"name", config_.tunnel_name}});
  perform(lifecycle_.begin(loop_.now()));
  return std::nullopt;
}

ConnectionSetEvents Worker::connection_events() {
  return {
      .dial_failed = [this](const std::string& text) { lifecycle_.connection_failed(text); },
      .connected =
          [this](const Endpoint& server) {
            gateway_->forbid(server);
            connections_changed();
            perform(lifecycle_.connection_stands(loop_.now()));
            begin_reports();
          },
      .changed =
          [this] {
            connections_changed();
            arm();
          },
      .jobs_reported = [this](std::uint64_t jobs) { jobs_reported_ = jobs; },
      .gave_up = [this](const GiveUp& end) { perform(lifecycle_.gave_up(end, loop_.now())); },
      .finished = [this] { perform(lifecycle_.connections_finished(loop_.now())); },
      .request = [this](TunnelLink& link,
                        StreamId stream,
                        Fields head) { gateway_->serve(link, stream, std::move(head)); },
      .link_gone = [this](TunnelLink& link) { gateway_->link_gone(link); },
  };
}

OriginGatewaySettings Worker::gateway_settings() {
  OriginGatewaySettings settings;
  settings.config = &config_;
  settings.site_tls = &tls_;
  settings.pseudonym = "sc-worker-" + random_hex(10);
  if (api_endpoint_) {
    settings.own_endpoints.push_back(*api_endpoint_);
  }
  settings.on_request_done = [this](const RequestRecord& record) { log_request(record); };
  return settings;
}

void Worker::watch_signals() {
  for (const auto& [number, reason] :
       {std::pair{SIGINT, "sigint"}, {SIGTERM, "sigterm"}, {SIGQUIT, "sigquit"}}) {
    signals_.on(number, [this, number = number, reason = reason] {
      log_.info("control", "got signal", {{"signal", signal_name(number)}});
      perform(lifecycle_.stop_requested(reason, loop_.now()));
    });
  }
  signals_.on(SIGHUP, [this] {
    const Result<void> reopened = log_.reopen();
    if (reopened.ok()) {
      log_.info("control", "log file reopened");
    } else {
      log_.error("control", "log file not reopened", {{"error", reopened.error().sentence()}});
    }
  });
}

void Worker::watch_supervisor() {
  if (!config_.supervisor_socket.empty()) {
    orphan_watch_.emplace(OrphanRule{.grace = config_.orphan_grace}, loop_.now());
    supervisor_.emplace(loop_, config_.supervisor_socket);
  }
}

void Worker::perform(const LifecycleActions& actions) {
  for (const LifecycleAction& action : actions) {
    std::visit([this](const auto& each) { perform(each); }, action);
  }
  arm();
}

void Worker::perform(const CheckUpdates& /*action*/) {
  registration_.check_updates(kCallLimit, [this](const RestOutcome<ServerUpdates>& outcome) {
    perform(lifecycle_.updates_answered(outcome, loop_.now()));
  });
}

void Worker::perform(const CreateTunnel& /*action*/) {
  registration_.create(kCreateLimit, [this](const RestOutcome<CreatedTunnel>& outcome) {
    perform(lifecycle_.create_answered(outcome, loop_.now()));
  });
}

void Worker::perform(const FetchTunnel& /*action*/) {
  registration_.fetch(
      lifecycle_.tunnel().state.id, kFetchLimit, [this](const RestOutcome<TunnelState>& outcome) {
        perform(lifecycle_.tunnel_answered(outcome, loop_.now()));
      });
}

void Worker::perform(const DeleteTunnel& action) {
  registration_.remove(lifecycle_.tunnel().state.id,
                       action.wait,
                       action.reason,
                       kFetchLimit,
                       [this](const RestOutcome<std::uint64_t>& outcome) {
                         perform(lifecycle_.delete_answered(outcome, loop_.now()));
                       });
}

void Worker::perform(const StartConnections& /*action*/) {
  const CreatedTunnel& tunnel = lifecycle_.tunnel();
  log_.info("control", "Sauce Connect running", {{"id", tunnel.state.id.value}});
  log_.info("tunnel", "waiting for server to be reachable", {{"address", tunnel.state.host}});
  const auto authority = parse_authority(tunnel.state.host, 443);
  const auto* address = std::get_if<Authority>(&authority);
  std::optional<Bytes> secret = from_base64url(tunnel.connect_secret.reveal());
  if (address == nullptr || !secret || secret->empty()) {
    // Not from inside the actions of another event.
    reachability_.start(Duration::zero(), [this] {
      perform(lifecycle_.gave_up(
          {GiveUp::Why::WrongVersion, "the tunnel has no usable address or secret"}, loop_.now()));
    });
    return;
  }
  reachability_.start(kReachableWithin, [this] {
    if (connections_.planner().standing() == 0) {
      ++errors_;
      log_.error(
          "tunnel", "server not reachable after 5s", {{"address", lifecycle_.tunnel().state.host}});
    }
  });
  connections_.start({.host = address->host,
                      .port = address->port,
                      .tunnel = tunnel.state.id,
                      .secret = *std::move(secret)});
}

void Worker::perform(const DrainConnections& action) {
  reporter_.end();
  connections_.drain(action.reason, action.grace);
}

void Worker::perform(const CloseConnections& /*action*/) {
  reporter_.end();  // of a tunnel that is gone there is nothing to report
  connections_.close_all();
  connections_changed();
}

void Worker::perform(const AnnounceReady& /*action*/) {
  log_.info("control", "Sauce Connect is up, you may start your tests");
  // What only the start needed: certificate authorities, REST, handshakes.
  memory_timer_.start(kStartOver, [] { release_unused_memory(); });
  if (config_.ready_on_stdout && !config_.log_file.empty()) {
    std::puts("Sauce Connect is up, you may start your tests.");
    std::fflush(stdout);
  }
  if (ready_file_) {
    const Result<void> written = ready_file_->write(ready_file_json(facts()));
    if (!written.ok()) {
      ++errors_;
      log_.error("control", written.error().sentence());
    }
  }
}

void Worker::perform(const Say& action) {
  if (action.level == Say::Level::Error) {
    ++errors_;
    log_.error("control", action.text);
  } else {
    log_.info("control", action.text);
  }
}

void Worker::perform(const Finish& action) {
  exit_cause_ = action.cause;
  registration_.drop_call();
  if (exit_cause_.exit_class == ExitClass::Clean) {
    log_.info("control", "goodbye");
  }
  reporter_.end();
  loop_.stop();
}

void Worker::wake() {
  const Instant now = loop_.now();
  perform(lifecycle_.wake(now));
  if (const std::optional<StatusReport> report = reporter_.take_due(now)) {
    send_report(*report);
  }
  check_supervisor(now);
  arm();
}

void Worker::arm() {
  Instant next = std::min(lifecycle_.next_deadline(), reporter_.next_deadline());
  if (orphan_watch_) {
    next = std::min(next, orphan_watch_->next_deadline());
  }
  wake_.arm(next);
}

void Worker::connections_changed() {
  const std::uint32_t standing = connections_.planner().standing();
  if (standing == config_.tunnel_connections) {
    tls_.trust()->forget();
  }
  reporter_.set_connected(standing, loop_.now());
  if ((standing > 0) == was_connected_) {
    return;
  }
  was_connected_ = standing > 0;
  last_change_ = loop_.wall_now();
  if (was_connected_ && !first_connected_) {
    first_connected_ = last_change_;
  }
  if (!was_connected_ && !lifecycle_.stopping()) {
    ++errors_;
    log_.error("tunnel", "all connections are lost; connecting again");
  }
}

void Worker::begin_reports() {
  if (lifecycle_.state() == LifecycleState::Serving && reporter_.next_deadline() == kNever) {
    reporter_.begin(lifecycle_.updates().client_status_interval, loop_.now());
    arm();
  }
}

void Worker::send_report(const StatusReport& report) {
  std::ifstream file("/proc/meminfo");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  registration_.report(
      lifecycle_.tunnel().state.id, to_json(report, parse_memory_figures(text)), kCallLimit);
}

void Worker::check_supervisor(Instant now) {
  if (!orphan_watch_ || !orphan_watch_->take_due(now)) {
    return;
  }
  supervisor_->ask([this](ProbeResult result) {
    if (!orphan_watch_) {
      return;
    }
    orphan_watch_->probed(result, loop_.now());
    if (orphan_watch_->orphaned(loop_.now())) {
      const std::string away = rough_duration(orphan_watch_->away_for(loop_.now()));
      orphan_watch_.reset();
      log_.error("control", "the supervisor is gone; ending", {{"away", away}});
      perform(lifecycle_.stop_requested("orphaned", loop_.now()));
    }
  });
}

WorkerFacts Worker::facts() const {
  const Instant now = loop_.now();
  const ConnectionPlanner& planner = connections_.planner();
  WorkerFacts facts;
  facts.state = lifecycle_.state();
  facts.ready = facts.state == LifecycleState::Serving && planner.serves(now);
  facts.connected = planner.standing() > 0;
  facts.tunnel_id = lifecycle_.tunnel().state.id.value;
  facts.tunnel_name = config_.tunnel_name;
  facts.tunnel_server = connections_.server();
  facts.tunnel_host = lifecycle_.tunnel().state.host;
  facts.first_connected = first_connected_;
  facts.last_change = last_change_;
  facts.jobs_running = jobs_reported_.value_or(lifecycle_.jobs_running());
  facts.active_streams = connections_.active_streams();
  facts.connections = planner.snapshot(now);
  for (const ConnectionSnapshot& connection : facts.connections) {
    facts.reconnects += connection.reconnects;
  }
  return facts;
}

std::string Worker::metrics() const {
  const WorkerFacts now = facts();
  return worker_metrics({.facts = now,
                         .connections = &connections_,
                         .origin = origin_figures_,
                         .errors = errors_,
                         .running = loop_.now() - started_});
}

void Worker::log_request(const RequestRecord& record) {
  HttpLogLine line{.module = "proxy", .method = record.method, .url = record.url};
  line.id = record.request_id;
  line.status = record.status;
  line.duration = record.duration;
  line.request_fields = record.fields.request;
  line.response_fields = record.fields.response;
  if (record.error) {
    line.error = std::string(to_text(record.error->reason)) + ": " + record.error->details;
  }
  log_http(log_, config_.log_http.proxy, line);
}

}  // namespace scpool::worker
