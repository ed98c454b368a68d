#include "server/core/server_config.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "common/base/limits.hpp"
#include "common/base/text.hpp"

namespace scpool::server {

namespace {

SettingSpec spec(std::string name, SettingType type, std::string fallback, std::string help) {
  SettingSpec result;
  result.name = std::move(name);
  result.type = type;
  result.default_text = std::move(fallback);
  result.help = std::move(help);
  return result;
}

SettingSpec choice(std::string name, std::vector<std::string> choices, std::string help) {
  SettingSpec result = spec(std::move(name), SettingType::Choice, choices.front(), std::move(help));
  result.choices = std::move(choices);
  return result;
}

std::vector<SettingSpec> main_specs() {
  return {
      spec("listen", SettingType::Text, "0.0.0.0:8443", "Address for REST, tunnels and the page."),
      spec("host", SettingType::Text, "", "Name or address that workers dial."),
      spec("public_port", SettingType::Count, "0", "Port that workers dial; 0: that of listen."),
      spec("certificate", SettingType::Text, "", "Certificate chain (PEM), leaf first."),
      spec("key", SettingType::Text, "", "Private key of the certificate (PEM)."),
      spec("state_dir", SettingType::Text, "", "Directory of the state (SQLite) and its secrets."),
      spec("admin_listen", SettingType::Text, "", "Loopback address for /metrics and probes."),
      spec("log.file", SettingType::Text, "", "Log file; empty: standard output."),
      choice("log.format", {"text", "keyvalue", "json"}, "Form of the log lines."),
      spec("log.level", SettingType::Choice, "info", "How much is logged."),
  };
}

std::vector<SettingSpec> limit_specs() {
  return {
      spec("limits.max_tunnels", SettingType::Count, "100", "Active tunnels per account."),
      spec("limits.max_jobs", SettingType::Count, "10000", "Running jobs per account."),
      spec("limits.max_ingress_connections",
           SettingType::Count,
           "10000",
           "Browser connections per ingress listener."),
      spec("limits.max_streams_per_connection",
           SettingType::Count,
           "256",
           "Requests at the same time on one tunnel connection."),
      spec("limits.creates_per_minute", SettingType::Count, "60", "New tunnels per account."),
      spec("limits.failed_logins_per_minute",
           SettingType::Count,
           "10",
           "Wrong credentials per client address before 429."),
      spec("limits.handshakes_per_second",
           SettingType::Count,
           "50",
           "Tunnel handshakes per client address."),
      spec("limits.resume_memory",
           SettingType::Size,
           "16MiB",
           "Unacknowledged bytes kept per direction of a tunnel connection, 1MiB to 64MiB."),
      spec("limits.history", SettingType::Count, "200", "Ended tunnels kept per account."),
      spec("times.orphan_after",
           SettingType::Duration,
           "5m",
           "A tunnel without a connection is removed."),
      spec("times.drain_cap", SettingType::Duration, "3h", "Longest wait for jobs at a delete."),
      spec("times.implicit_job",
           SettingType::Duration,
           "1m",
           "An implicit job ends this long after its last connection."),
      spec("times.implicit_job_draining",
           SettingType::Duration,
           "5s",
           "The same while its tunnel drains."),
      spec("times.explicit_job", SettingType::Duration, "24h", "An unused job of REST ends."),
      spec("times.failover_after",
           SettingType::Duration,
           "2s",
           "Without a connection this long, requests go to a pool mate."),
      spec("times.request_wait",
           SettingType::Duration,
           "5s",
           "A new request waits this long for a tunnel connection."),
      spec("times.drain_timeout",
           SettingType::Duration,
           "30s",
           "At TERM, running requests get this long."),
      spec("times.resume_hold",
           SettingType::Duration,
           "30s",
           "A cut tunnel connection keeps its streams this long; 0 to 2m."),
  };
}

// The tables in arrays, one map of keys per table.
struct Table {
  std::string where;  // "sc.toml:12: [[ingress]]"
  std::map<std::string, const FileEntry*> keys;
};

std::vector<Table> tables_of(const std::vector<FileEntry>& file,
                             const std::string& path,
                             std::string_view kind) {
  std::map<std::uint64_t, Table> tables;
  const std::string prefix = std::string(kind) + "[";
  for (const FileEntry& entry : file) {
    const std::size_t close = entry.key.find("].");
    if (!entry.key.starts_with(prefix) || close == std::string::npos) {
      continue;
    }
    const auto index =
        parse_number(std::string_view(entry.key).substr(prefix.size(), close - prefix.size()));
    Table& table = tables[index.value_or(0)];
    if (table.where.empty()) {
      table.where = path + ":" + std::to_string(entry.line) + ": [[" + std::string(kind) + "]]";
    }
    table.keys[entry.key.substr(close + 2)] = &entry;
  }
  std::vector<Table> result;
  for (auto& [index, table] : tables) {
    result.push_back(std::move(table));
  }
  return result;
}

class ArrayReader {
 public:
  ArrayReader(std::string path, std::vector<Error>& problems)
      : path_(std::move(path)), problems_(problems) {}

  void expect_keys(const Table& table, const std::vector<std::string>& known) {
    for (const auto& [key, entry] : table.keys) {
      if (std::find(known.begin(), known.end(), key) != known.end()) {
        continue;
      }
      std::string sentence = place(*entry) + "unknown key \"" + key + "\"";
      if (const auto meant = closest_match(key, known)) {
        sentence += "; did you mean \"" + *meant + "\"?";
      }
      problems_.emplace_back(ErrorKind::Invalid, sentence);
    }
  }

  std::string text(const Table& table, const std::string& key, std::string fallback = {}) {
    const auto found = table.keys.find(key);
    if (found == table.keys.end()) {
      return fallback;
    }
    const FileEntry& entry = *found->second;
    if (entry.is_list || !entry.is_text || entry.values.size() != 1) {
      problem(place(entry) + key + " must be a string");
      return fallback;
    }
    return entry.values.front();
  }

  std::string mandatory(const Table& table, const std::string& key) {
    std::string value = text(table, key);
    if (value.empty()) {
      problem(table.where + " needs " + key);
    }
    return value;
  }

  bool is_on(const Table& table, const std::string& key) {
    const auto found = table.keys.find(key);
    if (found == table.keys.end()) {
      return false;
    }
    const FileEntry& entry = *found->second;
    const std::string value = entry.values.size() == 1 ? entry.values.front() : "";
    if (value != "true" && value != "false") {
      problem(place(entry) + key + " must be true or false");
    }
    return value == "true";
  }

  std::size_t count(const Table& table, const std::string& key, std::size_t fallback) {
    const auto found = table.keys.find(key);
    if (found == table.keys.end()) {
      return fallback;
    }
    const FileEntry& entry = *found->second;
    const auto number = entry.values.size() == 1 ? parse_number(entry.values.front())
                                                 : std::optional<std::uint64_t>{};
    if (!number) {
      problem(place(entry) + key + " must be a whole number");
    }
    return static_cast<std::size_t>(number.value_or(fallback));
  }

  void problem(std::string sentence) {
    problems_.emplace_back(ErrorKind::Invalid, std::move(sentence));
  }

 private:
  std::string place(const FileEntry& entry) const {
    return path_ + ":" + std::to_string(entry.line) + ": ";
  }

  std::string path_;
  std::vector<Error>& problems_;
};

void read_ingress(ServerConfig& config, ArrayReader& reader, const std::vector<Table>& tables) {
  for (const Table& table : tables) {
    reader.expect_keys(table, {"listen", "account", "tunnel_name", "public_url", "exposed"});
    IngressConfig ingress;
    ingress.listen = reader.text(table, "listen", ingress.listen);
    ingress.account = reader.text(table, "account");
    ingress.tunnel_name = reader.text(table, "tunnel_name");
    ingress.public_url = reader.text(table, "public_url");
    ingress.exposed = reader.is_on(table, "exposed");
    if (!ingress.tunnel_name.empty() && ingress.account.empty()) {
      reader.problem(table.where + " has a tunnel_name without an account");
    }
    if (!ingress.account.empty() && !ingress.exposed && !is_loopback_listen(ingress.listen)) {
      reader.problem(table.where + " would let everybody into the tunnels of " + ingress.account +
                     " at " + ingress.listen +
                     ": listen on loopback, or write exposed = true if that is meant");
    }
    config.ingress.push_back(std::move(ingress));
  }
}

void read_accounts(ServerConfig& config, ArrayReader& reader, const std::vector<Table>& tables) {
  for (const Table& table : tables) {
    reader.expect_keys(table, {"name", "access_key_file", "max_tunnels"});
    AccountConfig account;
    account.name = reader.mandatory(table, "name");
    account.access_key_file = reader.mandatory(table, "access_key_file");
    account.max_tunnels = reader.count(table, "max_tunnels", config.max_tunnels);
    if (account.name.find_first_of(":;/ ") != std::string::npos) {
      reader.problem(table.where + ": a name may not contain ':', ';', '/' or blanks");
    }
    config.accounts.push_back(std::move(account));
  }
}

void read_plain(ServerConfig& config, const Settings& settings) {
  config.listen = settings.text("listen");
  config.host = settings.text("host");
  config.certificate = settings.text("certificate");
  config.key = settings.text("key");
  config.state_dir = settings.text("state_dir");
  config.admin_listen = settings.text("admin_listen");
  config.log_file = settings.text("log.file");
  config.log_format = settings.text("log.format");
  config.log_level = settings.text("log.level");
  config.max_tunnels = settings.count("limits.max_tunnels");
  config.max_ingress_connections = settings.count("limits.max_ingress_connections");
  config.jobs.max_per_account = settings.count("limits.max_jobs");
  config.tunnels.history_per_account = settings.count("limits.history");
  config.admission.creates_per_minute = settings.count("limits.creates_per_minute");
  config.admission.failed_logins_per_minute = settings.count("limits.failed_logins_per_minute");
  config.admission.handshakes_per_second = settings.count("limits.handshakes_per_second");
  config.tunnels.orphan_after = settings.duration("times.orphan_after");
  config.tunnels.drain_cap = settings.duration("times.drain_cap");
  config.jobs.implicit_linger = settings.duration("times.implicit_job");
  config.jobs.draining_linger = settings.duration("times.implicit_job_draining");
  config.jobs.explicit_idle = settings.duration("times.explicit_job");
  config.jobs.failover_after = settings.duration("times.failover_after");
  config.request_wait = settings.duration("times.request_wait");
  config.drain_timeout = settings.duration("times.drain_timeout");
  config.resume_hold = settings.duration("times.resume_hold");
  config.resume_memory = settings.size("limits.resume_memory");
}

void check_plain(ServerConfig& config, const Settings& settings, std::vector<Error>& problems) {
  const auto at_most = [&](const std::string& name, std::uint64_t most) {
    const std::uint64_t value = settings.count(name);
    if (value > most) {
      problems.emplace_back(
          ErrorKind::Invalid,
          settings.origin(name).text + ": " + name + " is at most " + std::to_string(most));
    }
    return std::min(value, most);
  };
  config.public_port = static_cast<std::uint16_t>(at_most("public_port", 65535));
  config.max_streams_per_connection =
      static_cast<std::uint32_t>(at_most("limits.max_streams_per_connection", 4096));
  for (const std::string name : {"limits.max_streams_per_connection",
                                 "limits.max_ingress_connections",
                                 "limits.creates_per_minute",
                                 "limits.failed_logins_per_minute",
                                 "limits.handshakes_per_second"}) {
    if (settings.count(name) == 0) {
      problems.emplace_back(ErrorKind::Invalid,
                            settings.origin(name).text + ": " + name + " must be at least 1");
    }
  }
  if (config.resume_hold > limits::kMaxCarrierHold) {
    problems.emplace_back(
        ErrorKind::Invalid,
        settings.origin("times.resume_hold").text + ": times.resume_hold is at most 2m");
  }
  if (config.resume_memory < limits::kMinCarrierCap ||
      config.resume_memory > limits::kMaxCarrierCap) {
    problems.emplace_back(
        ErrorKind::Invalid,
        settings.origin("limits.resume_memory").text + ": limits.resume_memory is 1MiB to 64MiB");
  }
  if (!config.admin_listen.empty() && !is_loopback_listen(config.admin_listen)) {
    problems.emplace_back(ErrorKind::Invalid,
                          settings.origin("admin_listen").text +
                              ": admin_listen has no authentication and must be on loopback");
  }
}

}  // namespace

FlagTable server_setting_table() {
  std::vector<SettingSpec> specs = main_specs();
  specs.back().choices = {"error", "info", "debug"};
  for (SettingSpec& limit : limit_specs()) {
    specs.push_back(std::move(limit));
  }
  return FlagTable("SC_SERVER_", std::move(specs));
}

std::string flag_of_setting(std::string_view name) {
  std::string flag(name);
  std::replace_if(
      flag.begin(), flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

bool is_array_key(std::string_view key) {
  return key.starts_with("ingress[") || key.starts_with("account[") || key.starts_with("region[");
}

std::variant<ServerConfig, std::vector<Error>> read_server_config(
    const Settings& settings, const std::string& path, const std::vector<FileEntry>& file) {
  ServerConfig config;
  std::vector<Error> problems;
  read_plain(config, settings);
  check_plain(config, settings, problems);
  ArrayReader reader(path, problems);
  read_ingress(config, reader, tables_of(file, path, "ingress"));
  read_accounts(config, reader, tables_of(file, path, "account"));
  for (const Table& table : tables_of(file, path, "region")) {
    reader.expect_keys(table, {"name", "url"});
    config.regions.emplace_back(reader.mandatory(table, "name"), reader.mandatory(table, "url"));
  }
  if (!problems.empty()) {
    return problems;
  }
  return config;
}

bool is_loopback_listen(std::string_view listen) {
  return listen.starts_with("127.") || listen.starts_with("localhost") ||
         listen.starts_with("[::1]") || listen == "::1";
}

}  // namespace scpool::server
