#include "common/tunnel/tunnel_resource.hpp"

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

namespace scpool {
namespace {

using nlohmann::json;

std::string printed(const json& value) {
  return json_text(value);
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

// Typed clients want a string here, "all" or nothing (reference section d.3).
const char* shared_text(bool shared) {
  return shared ? "all" : "";
}

json seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

json metadata_object(const TunnelMetadata& metadata) {
  json object = {{"build", metadata.build},
                 {"command", metadata.command},
                 {"command_args", metadata.command_args},
                 {"git_version", metadata.git_version},
                 {"hostname", metadata.hostname},
                 {"nofile_limit", metadata.nofile_limit},
                 {"platform", metadata.platform},
                 {"release", metadata.release}};
  if (!metadata.external_proxy.empty()) {
    object["external_proxy"] = metadata.external_proxy;
  }
  if (!metadata.extra.empty()) {
    object["extra"] = metadata.extra;
  }
  if (!metadata.host_cpu.empty()) {
    object["host_cpu"] = metadata.host_cpu;
  }
  if (metadata.host_memory != 0) {
    object["host_memory"] = metadata.host_memory;
  }
  return object;
}

// Lists under the names of both client generations (reference section d.2).
void add_domains(json& object, const TunnelState& state) {
  object["tunnel_domains"] = state.tunnel_domains;
  object["domain_names"] = state.tunnel_domains;
  object["direct_domains"] = state.direct_domains;
  object["deny_domains"] = state.deny_domains;
  object["fast_fail_regexps"] = state.deny_domains;
  object["tls_passthrough_domains"] = state.tls_passthrough_domains;
  object["no_ssl_bump_domains"] = state.tls_passthrough_domains;
  object["tls_resign_domains"] = state.tls_resign_domains;
}

json state_object(const TunnelState& state) {
  json object = {{"id", state.id.value},
                 {"status", to_text(state.status)},
                 {"is_ready", state.is_ready},
                 {"tunnel_identifier", state.tunnel_identifier},
                 {"tunnel_pool", state.tunnel_pool},
                 {"owner", state.owner},
                 {"host", state.host},
                 {"protocol", state.protocol},
                 {"ip_address", or_null(state.ip_address)},
                 {"creation_time", or_null(state.creation_time)},
                 {"launch_time", or_null(state.launch_time)},
                 {"last_connected", or_null(state.last_connected)},
                 {"shutdown_time", or_null(state.shutdown_time)},
                 {"user_shutdown", or_null(state.user_shutdown)},
                 {"shutdown_reason", or_null(state.shutdown_reason)},
                 {"shared", shared_text(state.shared)},
                 {"shared_tunnel", state.shared},
                 {"team_ids", json::array()},
                 {"extra_info", state.extra_info},
                 {"vm_version", state.vm_version},
                 {"metadata", metadata_object(state.metadata)},
                 {"connections",
                  {{"ready", state.connections.ready}, {"suspended", state.connections.suspended}}},
                 // What older clients read; there is one protocol here, and no cache.
                 {"ssh_port", 443},
                 {"use_kgp", false},
                 {"use_caching_proxy", false},
                 {"no_proxy_caching", true}};
  add_domains(object, state);
  return object;
}

void add_list(json& object, const char* name, const std::vector<std::string>& list) {
  if (!list.empty()) {
    object[name] = list;
  }
}

}  // namespace

std::string_view to_text(TunnelStatus status) {
  switch (status) {
    case TunnelStatus::New:
      return "new";
    case TunnelStatus::Booting:
      return "booting";
    case TunnelStatus::Running:
      return "running";
    case TunnelStatus::Terminated:
      return "terminated";
    case TunnelStatus::Unknown:
      return "unknown";
  }
  return "unknown";
}

std::string to_json(const CreateTunnelRequest& request) {
  json object = {{"tunnel_identifier", request.tunnel_identifier},
                 {"protocol", request.protocol},
                 {"shared", shared_text(request.shared)},
                 {"shared_tunnel", request.shared},
                 {"tunnel_pool", request.tunnel_pool},
                 {"metadata", metadata_object(request.metadata)}};
  add_list(object, "tunnel_domains", request.tunnel_domains);
  add_list(object, "direct_domains", request.direct_domains);
  add_list(object, "deny_domains", request.deny_domains);
  add_list(object, "tls_passthrough_domains", request.tls_passthrough_domains);
  add_list(object, "tls_resign_domains", request.tls_resign_domains);
  if (!request.extra_info.empty()) {
    object["extra_info"] = request.extra_info;
  }
  if (!request.vm_version.empty()) {
    object["vm_version"] = request.vm_version;
  }
  return printed(object);
}

std::string to_json(const TunnelState& state) {
  return printed(state_object(state));
}

std::string to_json(const CreatedTunnel& created) {
  json object = state_object(created.state);
  object["messages"] = {
      {"fatal", created.fatal}, {"info", created.info}, {"warning", created.warning}};
  object["connect_secret"] = created.connect_secret.reveal();
  return printed(object);
}

std::string to_json(const ServerUpdates& updates) {
  json regions = json::array();
  for (const auto& [name, url] : updates.regions) {
    regions.push_back({{"name", name}, {"url", url}});
  }
  return printed({{"fatal", updates.fatal},
                  {"info", updates.info},
                  {"warning", updates.warning},
                  {"configuration",
                   {{"job_wait_timeout", seconds(updates.job_wait_timeout)},
                    {"start_timeout", seconds(updates.start_timeout)},
                    {"client_status_interval", seconds(updates.client_status_interval)},
                    {"client_status_timeout", seconds(updates.client_status_timeout)},
                    {"experimental", json::array()},
                    {"regions", std::move(regions)}}}});
}

}  // namespace scpool
