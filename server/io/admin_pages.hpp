// What operators and probes ask on the admin listener: /metrics, /healthz, /readyz, /version. (Not
// in the first layout: a listener of its own, without authentication, on loopback.)
#pragma once

#include "common/io/http_server.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

struct AdminView {
  const ServerParts& parts;
  std::size_t ingress_connections = 0;
  Duration loop_lag{};
  bool stopping = false;
};

HttpResponse admin_answer(const AdminView& view, const HttpRequest& request);

}  // namespace scpool::server
