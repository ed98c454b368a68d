// Drives a TunnelLifecycle through its usual life, for tests that begin in the middle of it.
#pragma once

#include <string>
#include <utility>

#include "worker/core/tunnel_lifecycle.hpp"

namespace scpool::worker {

constexpr Instant kWalkStart{std::chrono::seconds{1000}};

inline CreatedTunnel created_tunnel(TunnelStatus status = TunnelStatus::Running) {
  CreatedTunnel tunnel;
  tunnel.state.id = TunnelId{"0123456789abcdef0123456789abcdef"};
  tunnel.state.status = status;
  tunnel.state.host = status == TunnelStatus::Running ? "tunnel.test:443" : "";
  tunnel.connect_secret = Secret("c2VjcmV0");
  return tunnel;
}

template <class Action>
bool asks(const LifecycleActions& actions) {
  for (const LifecycleAction& action : actions) {
    if (std::holds_alternative<Action>(action)) {
      return true;
    }
  }
  return false;
}

template <class Action>
Action the(const LifecycleActions& actions) {
  for (const LifecycleAction& action : actions) {
    if (const Action* found = std::get_if<Action>(&action)) {
      return *found;
    }
  }
  return {};
}

inline RestProblem unreachable() {
  return {.status = 0, .kind = ErrorKind::Unreachable, .sentence = "https://x: refused"};
}

inline TunnelLifecycle new_lifecycle() {
  return {LifecycleRule{}, "max", Random(3)};
}

inline TunnelLifecycle creating_lifecycle() {
  TunnelLifecycle lifecycle = new_lifecycle();
  (void)lifecycle.begin(kWalkStart);
  (void)lifecycle.updates_answered(ServerUpdates{}, kWalkStart);
  return lifecycle;
}

inline TunnelLifecycle connecting_lifecycle() {
  TunnelLifecycle lifecycle = creating_lifecycle();
  (void)lifecycle.create_answered(created_tunnel(), kWalkStart);
  return lifecycle;
}

inline TunnelLifecycle serving_lifecycle() {
  TunnelLifecycle lifecycle = connecting_lifecycle();
  (void)lifecycle.connection_stands(kWalkStart);
  return lifecycle;
}

}  // namespace scpool::worker
