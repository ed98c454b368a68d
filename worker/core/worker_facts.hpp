// What a worker tells about itself, as values and as the JSON of its local API and its ready file
// (reference section b). Pure: the shell fills it in. In its own file because four answers and the
// metrics are made of the same facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.hpp"
#include "worker/core/connection_planner.hpp"
#include "worker/core/tunnel_lifecycle.hpp"

namespace scpool::worker {

struct WorkerFacts {
  LifecycleState state = LifecycleState::Idle;
  bool ready = false;      // may receive jobs
  bool connected = false;  // at least one connection stands
  std::string tunnel_id;   // empty until registered
  std::string tunnel_name;
  std::string tunnel_server;  // "ip:port" of a connection
  std::string tunnel_host;    // as the server named it
  std::optional<WallTime> first_connected;
  WallTime last_change{};  // of `connected`
  std::uint64_t reconnects = 0;
  std::uint64_t jobs_running = 0;  // as the server said last; only while draining
  std::size_t active_streams = 0;
  std::vector<ConnectionSnapshot> connections;
};

std::string info_json(const WorkerFacts& facts);        // /info
std::string status_json(const WorkerFacts& facts);      // /api/v1/status
std::string ready_file_json(const WorkerFacts& facts);  // the ready file
std::string version_json();                             // /version
// The lines of `sc-worker version`.
std::string version_text();

}  // namespace scpool::worker
