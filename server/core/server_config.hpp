// sc-server's configuration: typed, checked, with the table of keys that drives file, environment
// and command line. Tables in arrays ([[ingress]], [[account]], [[region]]) have their own reader
// here. All problems are found in one go. Opens no certificate, key or state file.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/flag_table.hpp"
#include "common/config/settings.hpp"
#include "server/core/admission_policy.hpp"
#include "server/core/job_registry.hpp"
#include "server/core/tunnel_registry.hpp"

namespace scpool::server {

// One ingress proxy. With an account it asks for no credentials: everything that reaches it goes
// to that account's tunnel, so it must stay on loopback unless `exposed` says otherwise.
struct IngressConfig {
  std::string listen = "127.0.0.1:3128";
  std::string account;
  std::string tunnel_name;
  std::string public_url;  // what jobs are told, "http://host:port"; empty: the listen address
  bool exposed = false;
  bool asks_for_credentials() const { return account.empty(); }
};

struct AccountConfig {
  std::string name;
  std::string access_key_file;  // 0600
  std::size_t max_tunnels = 0;
};

struct ServerConfig {
  std::string listen;             // REST, tunnels and the page, by TLS
  std::string host;               // name or address that workers dial
  std::uint16_t public_port = 0;  // 0: that of `listen`
  std::string certificate;
  std::string key;
  std::string state_dir;
  std::string admin_listen;  // /metrics, /healthz, /readyz, plain; empty: none
  std::string log_file;
  std::string log_format;
  std::string log_level;
  std::vector<IngressConfig> ingress;
  std::vector<AccountConfig> accounts;
  std::vector<std::pair<std::string, std::string>> regions;  // name, REST URL
  TunnelRules tunnels;
  JobRules jobs;
  AdmissionLimits admission;
  std::size_t max_tunnels = 0;  // per account that does not say its own
  std::size_t max_ingress_connections = 0;
  std::uint32_t max_streams_per_connection = 0;  // asked of the worker
  Duration request_wait{};                       // of a request for a tunnel connection
  Duration drain_timeout{};                      // of this server at TERM
  Duration resume_hold{};                        // of a cut session; zero: none is kept
  std::size_t resume_memory = 0;                 // unacknowledged, per direction of a connection
};

FlagTable server_setting_table();
// "limits.max_tunnels" as a flag: "limits-max-tunnels".
std::string flag_of_setting(std::string_view name);
// Keys of the file that read_server_config takes itself.
bool is_array_key(std::string_view key);

// `file`: the entries of the configuration file, for the tables in arrays; `path` names it.
std::variant<ServerConfig, std::vector<Error>> read_server_config(
    const Settings& settings, const std::string& path, const std::vector<FileEntry>& file);

// 127.0.0.0/8, ::1 and "localhost", with or without a port.
bool is_loopback_listen(std::string_view listen);

}  // namespace scpool::server
