// The worker's local API (reference section b): /readyz, /healthz, /info, /metrics, /configz,
// /version and their older spellings, on TCP or a Unix socket. Read only; changes nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/io/http_server.hpp"
#include "common/io/log.hpp"
#include "worker/core/worker_config.hpp"
#include "worker/core/worker_facts.hpp"

namespace scpool::worker {

// Where the answers come from.
struct LocalApiSources {
  std::function<WorkerFacts()> facts;
  std::function<std::string()> metrics;
  std::string configuration;  // redacted
};

class LocalApi {
 public:
  // `config` and `log` outlive it.
  LocalApi(EventLoop& loop, const WorkerConfig& config, Log& log, LocalApiSources sources);

  // Where config.api_address says. The answer is the TCP endpoint, if it is one.
  Result<std::optional<Endpoint>> listen();

 private:
  void answer(const HttpRequest& request, HttpReply reply);
  HttpResponse respond(const HttpRequest& request) const;
  bool allowed(const HttpRequest& request) const;

  EventLoop& loop_;
  const WorkerConfig& config_;
  Log& log_;
  LocalApiSources sources_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace scpool::worker
