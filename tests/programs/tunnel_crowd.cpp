// Many idle tunnels from one process, with the worker's own registration and connections: for
// measuring what they cost the server. Says "ready" once all connections stand, and what ends.
//   tunnel_crowd REST_URL USER ACCESS_KEY_FILE CA_FILE TUNNELS CONNECTIONS
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/http/authority.hpp"
#include "common/io/signals.hpp"
#include "worker/io/connection_set.hpp"
#include "worker/io/registration.hpp"

namespace scpool::worker {
namespace {

constexpr Duration kCallLimit = std::chrono::seconds{45};

class TunnelCrowd {
 public:
  TunnelCrowd(
      EventLoop& loop, WorkerConfig& config, const TlsContext& tls, Log& log, std::size_t wanted)
      : loop_(loop),
        config_(config),
        tls_(tls),
        log_(log),
        wanted_(wanted),
        registration_(loop, config, log, "tunnel_crowd") {}

  void create_next() {
    if (sets_.size() == wanted_) {
      return;
    }
    config_.tunnel_name = "crowd-" + std::to_string(sets_.size());
    registration_.create(kCallLimit, [this](const RestOutcome<CreatedTunnel>& outcome) {
      if (const auto* problem = std::get_if<RestProblem>(&outcome)) {
        std::fprintf(stderr, "tunnel_crowd: %s\n", problem->sentence.c_str());
        loop_.stop();
        return;
      }
      connect(std::get<CreatedTunnel>(outcome));
      create_next();
    });
  }

 private:
  void connect(const CreatedTunnel& tunnel) {
    const auto authority = parse_authority(tunnel.state.host, 443);
    const auto secret = from_base64url(tunnel.connect_secret.reveal());
    ConnectionPlannerRule rule;
    rule.connections = config_.tunnel_connections;
    sets_.push_back(
        std::make_unique<ConnectionSet>(loop_,
                                        tls_,
                                        log_,
                                        rule,
                                        TunnelUse{.max_streams = config_.max_concurrent_streams},
                                        events()));
    const Authority& address = std::get<Authority>(authority);
    sets_.back()->start({.host = address.host,
                         .port = address.port,
                         .tunnel = tunnel.state.id,
                         .secret = secret.value()});
  }

  ConnectionSetEvents events() {
    return {.dial_failed = [](const std::string& sentence) { complain(sentence); },
            .connected =
                [this](const Endpoint& /*server*/) {
                  if (++standing_ == wanted_ * config_.tunnel_connections) {
                    std::puts("ready");
                    std::fflush(stdout);
                  }
                },
            .changed = [] { complain("a connection ended"); },
            .jobs_reported = [](std::uint64_t /*jobs*/) {},
            .gave_up = [](const GiveUp& end) { complain(end.sentence); },
            .finished = [] {},
            .request = [](TunnelLink& link,
                          StreamId stream,
                          const Fields& /*head*/) { link.reset(stream, H2Code::RefusedStream); },
            .link_gone = [](TunnelLink& /*link*/) {}};
  }

  static void complain(const std::string& sentence) {
    std::fprintf(stderr, "tunnel_crowd: %s\n", sentence.c_str());
  }

  EventLoop& loop_;
  WorkerConfig& config_;
  const TlsContext& tls_;
  Log& log_;
  std::size_t wanted_;
  std::size_t standing_ = 0;
  Registration registration_;
  std::vector<std::unique_ptr<ConnectionSet>> sets_;
};

int run(const std::vector<std::string>& words) {
  WorkerConfig config;
  config.rest_url = words[0];
  config.user = words[1];
  std::string key;
  std::ifstream(words[2]) >> key;
  config.access_key = Secret(key);
  config.ca_files = {words[3]};
  config.tunnel_pool = true;
  config.tunnel_connections = static_cast<std::uint32_t>(std::stoul(words[5]));
  config.max_concurrent_streams = limits::kMaxConcurrentStreams;
  const auto tls = TlsContext::for_client({.ca_files = config.ca_files, .only_these_roots = true});
  auto log = Log::open({.file = "stderr", .level = LogLevel::Error});
  if (!tls || !log) {
    std::fprintf(
        stderr, "tunnel_crowd: %s\n", (tls ? log.error() : tls.error()).sentence().c_str());
    return 1;
  }
  EventLoop loop;
  Signals signals(loop);
  signals.on(SIGTERM, [&loop] { loop.stop(); });
  TunnelCrowd crowd(loop, config, tls.value(), log.value(), std::stoul(words[4]));
  crowd.create_next();
  loop.run();
  return 0;
}

}  // namespace
}  // namespace scpool::worker

int main(int count, char** words) {
  if (count != 7) {
    std::fputs("tunnel_crowd: REST_URL USER ACCESS_KEY_FILE CA_FILE TUNNELS CONNECTIONS\n", stderr);
    return 2;
  }
  return scpool::worker::run({words + 1, words + count});
}
