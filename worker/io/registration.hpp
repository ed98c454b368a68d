// The tunnel's REST calls (reference section d.1): updates, create, fetch, delete, connected.
// Decides nothing: hands over what the server said, or why it said nothing. At most one lifecycle
// call is under way; the next one drops it. Owned by the worker's shell.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/io/http_client.hpp"
#include "common/io/log.hpp"
#include "common/tunnel/tunnel_resource.hpp"
#include "worker/core/tunnel_actions.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

class Registration {
 public:
  template <class T>
  using OnOutcome = std::function<void(RestOutcome<T>)>;

  // `config` and `log` outlive it. `command_line` goes into the tunnel's metadata, without secrets.
  Registration(EventLoop& loop, const WorkerConfig& config, Log& log, std::string command_line);

  void check_updates(Duration limit, OnOutcome<ServerUpdates> on_outcome);
  void create(Duration limit, OnOutcome<CreatedTunnel> on_outcome);
  void fetch(const TunnelId& tunnel, Duration limit, OnOutcome<TunnelState> on_outcome);
  // The number of jobs that still run.
  void remove(const TunnelId& tunnel,
              DeleteTunnel::Wait wait,
              const std::string& reason,
              Duration limit,
              OnOutcome<std::uint64_t> on_outcome);
  void drop_call();

  // POST .../connected with that body; what comes of it is logged only.
  void report(const TunnelId& tunnel, std::string body, Duration limit);

 private:
  HttpCall call(std::string method, const std::string& path, Duration limit) const;
  HttpClient::Ticket send(const HttpCall& call, HttpClient::OnAnswer on_answer);
  template <class T>
  void ask(const HttpCall& call, Result<T> (*parse)(std::string_view), OnOutcome<T> on_outcome);

  EventLoop& loop_;
  const WorkerConfig& config_;
  Log& log_;
  std::string command_line_;
  HttpClient client_;
  HttpClient::Ticket lifecycle_call_;
  HttpClient::Ticket report_call_;
};

}  // namespace scpool::worker
