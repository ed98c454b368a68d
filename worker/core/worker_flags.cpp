#include "worker/core/worker_config.hpp"

namespace scpool::worker {
namespace {

constexpr const char* kLater = "not supported yet";

SettingSpec spec(std::string name, char short_name, SettingType type, std::string help) {
  SettingSpec made;
  made.name = std::move(name);
  made.short_name = short_name;
  made.type = type;
  made.help = std::move(help);
  return made;
}

SettingSpec with_default(SettingSpec made, std::string value) {
  made.default_text = std::move(value);
  return made;
}

SettingSpec secret(SettingSpec made) {
  made.secret = true;
  return made;
}

SettingSpec repeatable(SettingSpec made) {
  made.repeatable = true;
  return made;
}

SettingSpec choice(SettingSpec made, std::vector<std::string> choices) {
  made.choices = std::move(choices);
  return made;
}

SettingSpec text(std::string name, char short_name, std::string help) {
  return spec(std::move(name), short_name, SettingType::Text, std::move(help));
}

SettingSpec duration(std::string name, std::string value, std::string help) {
  return with_default(spec(std::move(name), '\0', SettingType::Duration, std::move(help)),
                      std::move(value));
}

SettingSpec count(std::string name, std::string value, std::string help) {
  return with_default(spec(std::move(name), '\0', SettingType::Count, std::move(help)),
                      std::move(value));
}

SettingSpec domains(std::string name, char short_name, std::string help) {
  return repeatable(text(std::move(name), short_name, std::move(help)));
}

std::vector<SettingSpec> tunnel_specs() {
  return {
      secret(text("username", 'u', "Account that owns the tunnel.")),
      secret(text("access-key", 'k', "The account's key.")),
      text("region", 'r', "Region of the account, unless --rest-url is given."),
      text("rest-url", '\0', "REST API of the server, https://host:port/rest/v1."),
      text("tunnel-name", 'i', "The name by which jobs choose the tunnel or its pool."),
      with_default(spec("tunnel-pool",
                        't',
                        SettingType::Bool,
                        "Join the pool of the tunnel's name instead of replacing its tunnels."),
                   "false"),
      choice(spec("shared", 's', SettingType::Choice, "Share the tunnel with the organisation."),
             {"all"}),
      repeatable(text("metadata", 'M', "key=value reported with the tunnel.")),
      count("tunnel-connections", "4", "Connections to the server, 1 to 16."),
      count("tunnel-max-concurrent-streams", "256", "Requests at a time on each connection."),
  };
}

std::vector<SettingSpec> domain_specs() {
  return {
      domains("deny-domains", 'F', "Hosts that are refused: regular expressions, -excluded, all."),
      domains("direct-domains", 'D', "Hosts that do not use the tunnel."),
      domains("tunnel-domains", 'T', "Only these hosts use the tunnel."),
      domains("tls-passthrough-domains", 'B', "Hosts whose TLS is not re-encrypted."),
      with_default(domains("tls-resign-domains", 'b', "Hosts whose TLS is re-encrypted."), ".*"),
  };
}

std::vector<SettingSpec> site_specs() {
  return {
      secret(repeatable(text("auth", 'a', "user:password@host:port sent to sites; * for any."))),
      secret(repeatable(
          text("header",
               'H',
               "Request header edit: \"name: value\", \"name;\", \"-name\", \"-name*\"."))),
      with_default(choice(spec("proxy-localhost",
                               '\0',
                               SettingType::Choice,
                               "Whether sites on this machine may be reached."),
                          {"allow", "deny", "direct"}),
                   "deny"),
      repeatable(text("cacert-file", '\0', "CA certificates (PEM) added to the system's.")),
      duration("http-dial-timeout", "25s", "Longest wait for a connection to a site."),
      count("http-dial-attempts", "3", "Attempts to connect to a site."),
      duration("http-dial-backoff", "1s", "Pause between two of them."),
      duration("http-idle-conn-timeout", "1m30s", "Unused site connections close; 0: never."),
      duration("http-response-header-timeout", "0s", "Longest wait for an answer; 0: no limit."),
      duration("http-tls-handshake-timeout", "10s", "Longest TLS handshake with a site."),
  };
}

std::vector<SettingSpec> program_specs() {
  return {
      text("api-address", '\0', "Local API: host:port, :port or unix:PATH."),
      secret(text("api-basic-auth", '\0', "user:password that the local API asks for.")),
      duration("api-idle-timeout", "1h", "Idle connections of the local API close."),
      text("log-file", '\0', "Log file instead of standard output; reopened on SIGHUP."),
      with_default(choice(spec("log-format", '\0', SettingType::Choice, "Form of the log lines."),
                          {"text", "keyvalue", "json"}),
                   "text"),
      with_default(choice(spec("log-level", '\0', SettingType::Choice, "How much is logged."),
                          {"error", "info", "debug"}),
                   "info"),
      repeatable(text(
          "log-http", '\0', "[api|proxy|control:] none, short-url, url, headers, body or errors.")),
      text("config-file", 'c', "Settings as YAML, JSON or TOML; keys are the flags' names."),
      text("pidfile", '\0', "Holds the process id while the worker runs."),
      text("readyfile", '\0', "Written when the tunnel is ready."),
      // Given by sc-pool to its workers; without a help text they are not shown.
      text("supervisor-socket", '\0', ""),
      duration("orphan-grace", "10m", ""),
      // For measurements only: without it a cut connection loses its streams.
      with_default(choice(spec("carrier", '\0', SettingType::Choice, ""), {"on", "off"}), "on"),
  };
}

// Flags that existing command lines hold; refused by name, never ignored.
std::vector<SettingSpec> later_specs() {
  std::vector<SettingSpec> specs = {
      text("pac", 'p', ""),
      text("proxy", 'x', ""),
      text("proxy-sauce", '\0', ""),
      spec("proxy-sauce-enable-kerberos-auth", '\0', SettingType::Bool, ""),
      text("dns-server", 'n', ""),
      text("dns-timeout", '\0', ""),
      text("dns-server-timeout", '\0', ""),
      spec("dns-round-robin", '\0', SettingType::Bool, ""),
      text("kerberos-cfg-file", '\0', ""),
      text("kerberos-keytab-file", '\0', ""),
      text("kerberos-user-name", '\0', ""),
      text("kerberos-user-realm", '\0', ""),
      text("kerberos-enabled-hosts", '\0', ""),
      spec("kerberos-auth-upstream-proxy", '\0', SettingType::Bool, ""),
      spec("kerberos-run-diagnostics", '\0', SettingType::Bool, ""),
      text("debug-address", '\0', ""),
      text("http-tls-keylog-file", '\0', ""),
      text("tunnel-tls-keylog-file", '\0', ""),
  };
  for (SettingSpec& later : specs) {
    later.not_supported = kLater;
    later.repeatable = later.type == SettingType::Text;
  }
  return specs;
}

}  // namespace

FlagTable worker_flag_table() {
  std::vector<SettingSpec> specs;
  for (std::vector<SettingSpec> group :
       {tunnel_specs(), domain_specs(), site_specs(), program_specs(), later_specs()}) {
    for (SettingSpec& one : group) {
      specs.push_back(std::move(one));
    }
  }
  return FlagTable("SAUCE_", std::move(specs));
}

}  // namespace scpool::worker
