// The REST contract's types and their JSON, both ways, for sc-server (answers) and sc-worker and
// sc-pool (questions). Unknown fields are ignored, missing ones and nulls tolerated, spellings of
// both client generations accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/base/time.hpp"

namespace scpool {

struct TunnelMetadata {
  std::string build;
  std::string command;
  std::string command_args;
  std::string external_proxy;
  std::map<std::string, std::string> extra;
  std::string git_version;
  std::string hostname;
  std::string host_cpu;
  std::uint64_t host_memory = 0;  // bytes
  std::uint64_t nofile_limit = 0;
  std::string platform;
  std::string release;
};

// Body of POST /{user}/tunnels.
struct CreateTunnelRequest {
  std::string tunnel_identifier;
  std::string protocol = "h2c";
  bool shared = false;
  bool tunnel_pool = false;
  std::vector<std::string> tunnel_domains;
  std::vector<std::string> direct_domains;
  std::vector<std::string> deny_domains;
  std::vector<std::string> tls_passthrough_domains;
  std::vector<std::string> tls_resign_domains;
  std::string extra_info;  // JSON text
  std::string vm_version;
  TunnelMetadata metadata;
};

enum class TunnelStatus { New, Booting, Running, Terminated, Unknown };

// Live figures: never stored, and unknown to a client's own state.
struct TunnelConnections {
  std::size_t ready = 0;
  std::size_t suspended = 0;  // cut, their streams kept for the worker to come back
};

struct TunnelState {
  TunnelId id;
  TunnelStatus status = TunnelStatus::Unknown;
  bool is_ready = false;
  bool tunnel_pool = false;
  bool shared = false;
  std::string tunnel_identifier;
  std::string owner;
  std::string host;  // "name:port" the worker dials
  std::string protocol = "h2c";
  std::optional<std::string> ip_address;
  std::optional<std::int64_t> creation_time;  // unix seconds, as all times here
  std::optional<std::int64_t> launch_time;
  std::optional<std::int64_t> last_connected;
  std::optional<std::int64_t> shutdown_time;
  std::optional<bool> user_shutdown;
  std::optional<std::string> shutdown_reason;
  std::vector<std::string> tunnel_domains;
  std::vector<std::string> direct_domains;
  std::vector<std::string> deny_domains;
  std::vector<std::string> tls_passthrough_domains;
  std::vector<std::string> tls_resign_domains;
  std::string extra_info;
  std::string vm_version;
  TunnelMetadata metadata;
  TunnelConnections connections;
};

// Only in the answer to POST: messages for the operator and the tunnel's secret.
struct CreatedTunnel {
  TunnelState state;
  Secret connect_secret;  // base64url of 32 bytes
  std::vector<std::string> fatal;
  std::vector<std::string> info;
  std::vector<std::string> warning;
};

// Answer of GET /{user}/tunnels/info/updates (reference section c.4; durations in seconds).
struct ServerUpdates {
  std::vector<std::string> fatal;
  std::vector<std::string> info;
  std::vector<std::string> warning;
  Duration job_wait_timeout = std::chrono::seconds{300};
  Duration start_timeout = std::chrono::seconds{45};
  Duration client_status_interval = std::chrono::seconds{30};
  Duration client_status_timeout = std::chrono::seconds{15};
  std::vector<std::pair<std::string, std::string>> regions;  // name, url
};

std::string_view to_text(TunnelStatus status);

Result<CreateTunnelRequest> parse_create_request(std::string_view json);
std::string to_json(const CreateTunnelRequest& request);
std::string to_json(const TunnelState& state);
std::string to_json(const CreatedTunnel& created);
std::string to_json(const ServerUpdates& updates);
Result<TunnelState> parse_tunnel_state(std::string_view json);
Result<std::vector<TunnelState>> parse_tunnel_list(std::string_view json);  // the full=1 form
Result<CreatedTunnel> parse_created_tunnel(std::string_view json);
Result<ServerUpdates> parse_updates(std::string_view json);
// jobs_running of a DELETE or num_jobs answer.
Result<std::uint64_t> parse_jobs_running(std::string_view json);
// The sentence of {"error": "..."}; for anything else (an HTML page of a gateway) a short account.
std::string error_sentence(int status, std::string_view body);

}  // namespace scpool
