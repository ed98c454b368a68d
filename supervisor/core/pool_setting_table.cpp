// The keys of a pool's configuration, declared in pool_config.hpp.
#include <utility>

#include "supervisor/core/pool_config.hpp"
#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {
namespace {

SettingSpec text_key(std::string name, std::string default_text, std::string help) {
  SettingSpec spec;
  spec.name = std::move(name);
  spec.default_text = std::move(default_text);
  spec.help = std::move(help);
  return spec;
}

SettingSpec typed_key(std::string name,
                      SettingType type,
                      std::string default_text,
                      std::string help) {
  SettingSpec spec = text_key(std::move(name), std::move(default_text), std::move(help));
  spec.type = type;
  return spec;
}

SettingSpec list_key(std::string name, std::string help) {
  SettingSpec spec = text_key(std::move(name), "", std::move(help));
  spec.repeatable = true;
  return spec;
}

SettingSpec account_key(std::string name, std::string environment, std::string help) {
  SettingSpec spec = text_key(std::move(name), "", std::move(help));
  spec.environment = std::move(environment);
  return spec;
}

std::vector<SettingSpec> pool_keys() {
  using enum SettingType;
  return {
      text_key("pool.name", "pool", "Name of files, sockets and this supervisor"),
      text_key("pool.tunnel_name", "", "Tunnel name that jobs ask for; the pool's name unless set"),
      typed_key("pool.size", Count, "3", "Workers that serve"),
      typed_key("pool.max_surge", Count, "1", "Workers above size while replacing"),
      typed_key("pool.max_unavailable", Count, "0", "Workers that may be missing while replacing"),
      typed_key("pool.start_timeout", Duration, "90s", "From spawned to ready"),
      typed_key("pool.min_ready_time", Duration, "5s", "Ready this long before the old one drains"),
      typed_key(
          "pool.canary_time", Duration, "30s", "The same for a new configuration's first worker"),
      typed_key("pool.progress_deadline",
                Duration,
                "15m",
                "A restart that replaces no worker for so long is paused"),
      typed_key("pool.max_age", Duration, "24h", "A worker is replaced at this age; 0: never"),
      typed_key("pool.drain_timeout", Duration, "5m", "Longest wait for jobs of a leaving worker"),
      typed_key("pool.stop_grace", Duration, "10s", "From the stop signal to the kill signal"),
  };
}

std::vector<SettingSpec> health_keys() {
  using enum SettingType;
  return {
      typed_key("health.probe_period", Duration, "5s", "Between two probes of a worker"),
      typed_key("health.probe_timeout", Duration, "2s", "Longest wait for a probe's answer"),
      typed_key("health.silent_probes", Count, "3", "Unanswered probes until a worker is hung"),
      typed_key(
          "health.unready_tolerance", Duration, "60s", "Alive and not ready this long: replaced"),
      typed_key(
          "health.memory_limit", Size, "0", "Resident bytes; above, a worker is replaced; 0: any"),
      typed_key("health.descriptor_limit", Count, "0", "Open descriptors; above, replaced; 0: any"),
      typed_key(
          "health.rest_period", Duration, "30s", "Between two lists of the tunnels; 0: never"),
      typed_key(
          "health.rest_timeout", Duration, "5s", "Longest wait for an answer of the REST API"),
      typed_key("restart.backoff_base", Duration, "500ms", "First back-off; doubles per failure"),
      typed_key("restart.backoff_cap", Duration, "60s", "Longest back-off"),
      typed_key("restart.slow_retry", Duration, "5m", "Between trials after a permanent failure"),
      typed_key("restart.stable_after", Duration, "5m", "Ready this long: failures are forgotten"),
  };
}

std::vector<SettingSpec> account_keys() {
  SettingSpec key = account_key("account.access_key", "SAUCE_ACCESS_KEY", "The access key");
  key.secret = true;
  return {
      account_key("account.user", "SAUCE_USERNAME", "User name of the account"),
      key,
      text_key("account.access_key_file", "", "File with the access key, mode 0600"),
      account_key("account.region", "SAUCE_REGION", "Region of the cloud, as us-west"),
      account_key("account.rest_url", "SAUCE_REST_URL", "REST API of a server of your own"),
      text_key("account.ca_file", "", "Certificates to trust beside the system's"),
  };
}

std::vector<SettingSpec> worker_keys() {
  using enum SettingType;
  SettingSpec kind = text_key("worker.kind", "sc-worker", "Which program the workers are");
  kind.type = Choice;
  kind.choices = worker_kind_names();
  SettingSpec localhost = text_key(
      "worker.proxy_localhost", "", "Sites on this machine; allow with --local, else deny");
  localhost.type = Choice;
  localhost.choices = {"allow", "deny", "direct"};
  SettingSpec level = text_key("worker.log_level", "info", "How much the workers log");
  level.type = Choice;
  level.choices = {"error", "info", "debug"};
  SettingSpec format = text_key("log.format", "text", "Form of log lines");
  format.type = Choice;
  format.choices = {"text", "keyvalue", "json"};
  SettingSpec environment = list_key("worker.environment", "NAME=value, for the workers");
  environment.secret = true;
  return {
      kind,
      text_key("worker.program", "", "Path of the worker; the kind's own unless set"),
      list_key("worker.arguments", "Flags passed on to the workers"),
      environment,
      localhost,
      level,
      typed_key("worker.orphan_grace", Duration, "10m", "A worker without supervisor ends after"),
      typed_key("worker.open_files", Count, "0", "Limit of open files of a worker; 0: inherited"),
      typed_key(
          "worker.follow_program", Bool, "false", "New workers when their program's file changes"),
      text_key("log.directory", "", "Where logs go; by the system's rules unless set"),
      text_key("log.file", "", "The supervisor's log; in the directory unless set; or stderr"),
      format,
      typed_key("log.max_size", Size, "100M", "A log is rotated at this size; 0: never"),
      typed_key("log.keep", Count, "10", "Rotated logs kept of one worker"),
      typed_key("log.max_age", Duration, "720h", "Logs of past workers are removed after"),
      typed_key("log.max_total", Size, "2G", "Oldest logs go when all are larger; 0: never"),
      text_key("control.socket", "", "Control socket; in the run directory unless set"),
      text_key("control.group", "", "Group that may also command the pool"),
      text_key("control.api_address", "127.0.0.1:8032", "Address of the read-only API, or off"),
      text_key("directories.run", "", "Sockets and pid files"),
      text_key("directories.state", "", "The state file"),
  };
}

}  // namespace

const FlagTable& pool_setting_table() {
  static const FlagTable table = [] {
    std::vector<SettingSpec> specs = pool_keys();
    for (std::vector<SettingSpec> more : {health_keys(), account_keys(), worker_keys()}) {
      specs.insert(specs.end(), more.begin(), more.end());
    }
    return FlagTable("SC_POOL_", std::move(specs));
  }();
  return table;
}

}  // namespace scpool::supervisor
