// The shell of one tunnel: owns the REST calls, the connections, the way to the sites, the local
// API and the files; asks the lifecycle what to do and does it. One per process.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/event_loop.hpp"
#include "common/io/log.hpp"
#include "common/io/network_watch.hpp"
#include "common/io/signals.hpp"
#include "common/io/timer.hpp"
#include "common/tls/tls_context.hpp"
#include "worker/core/orphan_watch.hpp"
#include "worker/core/status_report.hpp"
#include "worker/core/tunnel_lifecycle.hpp"
#include "worker/core/worker_facts.hpp"
#include "worker/io/connection_set.hpp"
#include "worker/io/local_api.hpp"
#include "worker/io/origin_gateway.hpp"
#include "worker/io/ready_file.hpp"
#include "worker/io/registration.hpp"
#include "worker/io/supervisor_probe.hpp"

namespace scpool::worker {

struct WorkerSettings {
  const WorkerConfig* config = nullptr;  // outlives the worker, as all here
  const TlsContext* tls = nullptr;       // for the tunnel and for sites
  Log* log = nullptr;
  std::string configuration;  // redacted, for /configz
  std::string command_line;   // redacted, for the tunnel's metadata
};

class Worker {
 public:
  Worker(EventLoop& loop, const WorkerSettings& settings);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Opens the local API and begins the tunnel's life; the loop stops when that is over. The error
  // is the cause to end with.
  std::optional<ExitCause> start();
  bool ended() const { return lifecycle_.state() == LifecycleState::Gone; }
  const ExitCause& exit_cause() const { return exit_cause_; }

 private:
  ConnectionSetEvents connection_events();
  OriginGatewaySettings gateway_settings();
  void watch_signals();
  void watch_supervisor();

  void perform(const LifecycleActions& actions);
  void perform(const CheckUpdates& action);
  void perform(const CreateTunnel& action);
  void perform(const FetchTunnel& action);
  void perform(const DeleteTunnel& action);
  void perform(const StartConnections& action);
  void perform(const DrainConnections& action);
  void perform(const CloseConnections& action);
  void perform(const AnnounceReady& action);
  void perform(const Say& action);
  void perform(const Finish& action);

  void wake();
  void arm();
  void connections_changed();
  void begin_reports();
  void send_report(const StatusReport& report);
  void check_supervisor(Instant now);
  WorkerFacts facts() const;
  std::string metrics() const;
  void log_request(const RequestRecord& record);

  EventLoop& loop_;
  const WorkerConfig& config_;
  const TlsContext& tls_;
  Log& log_;
  Instant started_;
  ExitCause exit_cause_;
  std::uint64_t errors_ = 0;
  std::optional<WallTime> first_connected_;
  WallTime last_change_;
  bool was_connected_ = false;

  TunnelLifecycle lifecycle_;
  std::optional<std::uint64_t> jobs_reported_;  // by a server that says so
  StatusReporter reporter_;
  std::optional<OrphanWatch> orphan_watch_;
  std::optional<SupervisorProbe> supervisor_;
  std::optional<ReadyFile> ready_file_;
  Registration registration_;
  OriginFigures origin_figures_;
  std::unique_ptr<OriginGateway> gateway_;
  ConnectionSet connections_;
  NetworkWatch network_;
  std::optional<LocalApi> api_;
  std::optional<Endpoint> api_endpoint_;
  Signals signals_;
  DeadlineTimer wake_;
  Timer reachability_;
  Timer memory_timer_;
};

}  // namespace scpool::worker
