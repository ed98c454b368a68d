// Tunnels made by one line each, for the tests of both registries.
#pragma once

#include <string>

#include "server/core/job_registry.hpp"
#include "server/core/tunnel_registry.hpp"

namespace scpool::server {

using namespace std::chrono_literals;

inline Moment at(Duration since_start) {
  return {Instant{} + 1h + since_start,
          wall_time_from_unix(1'800'000'000) +
              std::chrono::duration_cast<std::chrono::microseconds>(since_start)};
}

inline TunnelId tunnel_id(int number) {
  std::string digits = std::to_string(number);
  return {std::string(32 - digits.size(), '0') + digits};
}

enum class PoolFlag { Set, Unset };

struct Registries {
  TunnelRegistry tunnels{TunnelRules{}};
  JobRegistry jobs{tunnels, JobRules{}};
  std::size_t limit = 100;

  Result<std::vector<std::string>> create(int number,
                                          const std::string& name = "pool",
                                          PoolFlag flag = PoolFlag::Set,
                                          const std::string& owner = "ann") {
    CreateTunnelRequest request;
    request.tunnel_identifier = name;
    request.tunnel_pool = flag == PoolFlag::Set;
    TunnelRegistration registration;
    registration.id = tunnel_id(number);
    registration.owner = owner;
    registration.host = "tunnel.test:443";
    registration.limit = limit;
    return tunnels.create(registration, request, at(0s));
  }

  void running(int number, const std::string& name = "pool") {
    (void)create(number, name);
    tunnels.connection_ready(tunnel_id(number), at(0s));
  }

  TunnelPhase phase(int number) const { return tunnels.find(tunnel_id(number))->phase; }
};

}  // namespace scpool::server
