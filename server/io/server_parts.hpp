// What the parts of sc-server's shell share; all of it is the shell's and outlives them.
#pragma once

#include <string>

#include "server/core/server_config.hpp"
#include "server/io/ledger.hpp"
#include "server/io/tunnel_roster.hpp"

namespace scpool::server {

struct ServerParts {
  EventLoop& loop;
  Log& log;
  Metrics& metrics;
  Ledger& ledger;
  TunnelRoster& roster;
  const ServerConfig& config;
  std::string node;            // our name in Via and Proxy-Status
  std::uint16_t tls_port = 0;  // as bound
  std::string ingress_url;     // of the first ingress that asks for credentials; empty: none
};

}  // namespace scpool::server
