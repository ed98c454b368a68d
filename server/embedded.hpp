// `sc-server run --embedded DIR`: the server that `sc-pool up --local` starts for one machine.
// Makes CA, certificate, account and access key in DIR (kept for the next start) and tells in
// DIR/server.json how it is reached. (Not in the first layout: the shell should not know of it.)
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "server/core/server_config.hpp"
#include "server/server.hpp"

namespace scpool::server {

struct EmbeddedWish {
  std::string directory;
  std::string listen = "127.0.0.1:0";
  std::string ingress = "127.0.0.1:0";
  std::string admin = "127.0.0.1:0";
  std::string open_ingress = "127.0.0.1:0";
  std::string open_ingress_tunnel;  // not empty: a loopback ingress without credentials for it
};

// Prepares DIR and changes `config` into one for it.
Result<void> prepare_embedded(const EmbeddedWish& wish, ServerConfig& config);

// Once the server listens.
Result<void> write_embedded_facts(const EmbeddedWish& wish, const Server& server);

}  // namespace scpool::server
