#include "worker/core/worker_config.hpp"

#include <algorithm>

#include "common/base/limits.hpp"
#include "common/base/text.hpp"
#include "worker/core/worker_values.hpp"

namespace scpool::worker {
namespace {

constexpr std::uint64_t kMaxStreamsPerConnection = 65'535;
constexpr std::uint64_t kMaxDialAttempts = 100;
constexpr std::size_t kMaxNameSize = 256;

// Makes a WorkerConfig of checked settings and collects every problem with its origin.
class ConfigReader {
 public:
  explicit ConfigReader(const Settings& settings) : settings_(settings) {}

  std::variant<WorkerConfig, std::vector<Error>> read() {
    read_account();
    read_tunnel();
    read_domains();
    read_site();
    read_program();
    if (!problems_.empty()) {
      return std::move(problems_);
    }
    return std::move(config_);
  }

 private:
  void read_account();
  void read_server();
  void read_tunnel();
  void read_domains();
  void read_site();
  void read_times();
  void read_program();
  DomainList domains(std::string_view name);
  std::uint32_t count_within(std::string_view name, std::uint64_t least, std::uint64_t most);
  // A required text of printable ASCII; an error says how it can be given.
  std::string required(std::string_view name);
  void exclude(std::string_view name, std::string_view other);
  void problem(std::string_view name, const std::string& sentence) {
    problems_.emplace_back(ErrorKind::Invalid, settings_.origin(name).text + ": " + sentence);
  }

  const Settings& settings_;
  WorkerConfig config_;
  std::vector<Error> problems_;
};

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string ConfigReader::required(std::string_view name) {
  std::string value = settings_.text(name);
  if (value.empty()) {
    const FlagTable table = worker_flag_table();
    problems_.emplace_back(ErrorKind::Invalid,
                           std::string(name) + " is missing: give --" + std::string(name) + ", " +
                               table.environment_name(*table.find(name)) + " or " +
                               std::string(name) + " in the configuration file");
  } else if (!is_printable(value) || value.size() > kMaxNameSize) {
    problem(name, "must be at most 256 printable ASCII characters");
  }
  return value;
}

std::uint32_t ConfigReader::count_within(std::string_view name,
                                         std::uint64_t least,
                                         std::uint64_t most) {
  const std::uint64_t count = settings_.count(name);
  if (count < least || count > most) {
    problem(name,
            "must be " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
                std::to_string(count));
    return 0;
  }
  return static_cast<std::uint32_t>(count);
}

void ConfigReader::exclude(std::string_view name, std::string_view other) {
  if (settings_.given(name) && settings_.given(other)) {
    problem(name,
            std::string(name) + " and " + std::string(other) + " exclude each other (" +
                settings_.origin(other).text + ")");
  }
}

void ConfigReader::read_account() {
  config_.user = required("username");
  if (config_.user.find(':') != std::string::npos) {
    problem("username", "must not contain a colon");
  }
  config_.access_key = Secret(required("access-key"));
  read_server();
}

void ConfigReader::read_server() {
  config_.region = settings_.text("region");
  const std::string url = settings_.text("rest-url");
  if (url.empty() && config_.region.empty()) {
    problems_.emplace_back(ErrorKind::Invalid,
                           "region is missing: give --region or SAUCE_REGION, or --rest-url for a "
                           "server of your own");
    return;
  }
  // With a URL the region is a name of that server's, whatever it is.
  const bool own = !url.empty();
  auto rest_url = own ? parse_rest_url(url) : region_rest_url(config_.region);
  if (!rest_url) {
    problem(own ? "rest-url" : "region", rest_url.error().sentence());
    return;
  }
  config_.rest_url = std::move(rest_url).value();
}

void ConfigReader::read_tunnel() {
  config_.tunnel_name = required("tunnel-name");
  config_.tunnel_pool = settings_.is_on("tunnel-pool");
  config_.shared = !settings_.text("shared").empty();
  for (const std::string& text : settings_.list("metadata")) {
    auto pair = parse_metadata(text);
    if (!pair) {
      problem("metadata", pair.error().sentence());
      continue;
    }
    const std::string& key = pair.value().first;
    const bool twice = std::any_of(config_.metadata.begin(),
                                   config_.metadata.end(),
                                   [&key](const auto& known) { return known.first == key; });
    if (twice) {
      problem("metadata", "has the key " + key + " twice");
    }
    config_.metadata.push_back(std::move(pair).value());
  }
  config_.tunnel_connections = count_within("tunnel-connections", 1, limits::kMaxTunnelConnections);
  config_.max_concurrent_streams =
      count_within("tunnel-max-concurrent-streams", 1, kMaxStreamsPerConnection);
}

DomainList ConfigReader::domains(std::string_view name) {
  DomainList list;
  list.rules = settings_.list(name);
  auto compiled = DomainRules::compile(list.rules);
  if (compiled) {
    list.compiled = std::move(compiled).value();
  } else {
    problem(name, compiled.error().sentence());
  }
  return list;
}

void ConfigReader::read_domains() {
  config_.deny_domains = domains("deny-domains");
  config_.direct_domains = domains("direct-domains");
  config_.tunnel_domains = domains("tunnel-domains");
  config_.tls_passthrough_domains = domains("tls-passthrough-domains");
  exclude("tunnel-domains", "direct-domains");
  exclude("tls-passthrough-domains", "tls-resign-domains");
  // The default of resigning everything gives way to a list of what to let pass.
  if (config_.tls_passthrough_domains.rules.empty()) {
    config_.tls_resign_domains = domains("tls-resign-domains");
  }
}

void ConfigReader::read_site() {
  for (const std::string& text : settings_.list("auth")) {
    auto credential = parse_site_credential(text);
    if (!credential) {
      problem("auth", credential.error().sentence());
      continue;
    }
    SiteCredential& made = credential.value();
    const bool twice = std::any_of(
        config_.credentials.begin(), config_.credentials.end(), [&made](const auto& known) {
          return known.host == made.host && known.port == made.port;
        });
    if (twice) {
      problem("auth",
              "has two entries for " + made.host + ":" +
                  (made.port == 0 ? "*" : std::to_string(made.port)));
    }
    config_.credentials.push_back(std::move(made));
  }
  for (const std::string& text : settings_.list("header")) {
    auto rule = parse_header_rule(text);
    if (rule) {
      config_.header_rules.push_back(std::move(rule).value());
    } else {
      problem("header", rule.error().sentence());
    }
  }
  const std::string localhost = settings_.text("proxy-localhost");
  config_.localhost = localhost == "allow"    ? LocalhostPolicy::Allow
                      : localhost == "direct" ? LocalhostPolicy::Direct
                                              : LocalhostPolicy::Deny;
  // The comma of "data:base64,..." is none between two files.
  for (const std::string& source : settings_.list("cacert-file")) {
    const bool continues = !config_.ca_files.empty() && config_.ca_files.back() == "data:base64";
    if (continues) {
      config_.ca_files.back() += "," + source;
    } else {
      config_.ca_files.push_back(source);
    }
  }
  read_times();
}

void ConfigReader::read_times() {
  HttpTimes& http = config_.http;
  http.dial_timeout = settings_.duration("http-dial-timeout");
  http.dial_attempts = count_within("http-dial-attempts", 1, kMaxDialAttempts);
  http.dial_backoff = settings_.duration("http-dial-backoff");
  http.idle_connection_timeout = settings_.duration("http-idle-conn-timeout");
  http.response_header_timeout = settings_.duration("http-response-header-timeout");
  http.tls_handshake_timeout = settings_.duration("http-tls-handshake-timeout");
  for (const char* name : {"http-dial-timeout", "http-tls-handshake-timeout"}) {
    if (settings_.duration(name) == Duration::zero()) {
      problem(name, "must be longer than 0");
    }
  }
}

void ConfigReader::read_program() {
  if (const std::string text = settings_.text("api-address"); !text.empty()) {
    auto address = parse_api_address(text);
    if (address) {
      config_.api_address = std::move(address).value();
    } else {
      problem("api-address", address.error().sentence());
    }
  }
  if (const std::string text = settings_.text("api-basic-auth"); !text.empty()) {
    auto credential = parse_api_credential(text);
    if (credential) {
      config_.api_credential = std::move(credential).value();
    } else {
      problem("api-basic-auth", credential.error().sentence());
    }
  }
  config_.api_idle_timeout = settings_.duration("api-idle-timeout");
  config_.log_file = settings_.text("log-file");
  config_.log_format = settings_.text("log-format");
  config_.log_level = settings_.text("log-level");
  for (const std::string& text : settings_.list("log-http")) {
    if (auto taken = take_log_http(text, config_.log_http); !taken) {
      problem("log-http", taken.error().sentence());
    }
  }
  config_.pid_file = settings_.text("pidfile");
  config_.ready_file = settings_.text("readyfile");
  config_.supervisor_socket = settings_.text("supervisor-socket");
  config_.carrier = settings_.text("carrier") == "on";
  config_.orphan_grace = settings_.duration("orphan-grace");
}

// The documented order: host:port, then *:port, then host:*, then *:*.
int precision(const SiteCredential& credential) {
  return (credential.port != 0 ? 2 : 0) + (credential.host != "*" ? 1 : 0);
}

}  // namespace

const SiteCredential* find_credential(const std::vector<SiteCredential>& credentials,
                                      std::string_view host,
                                      std::uint16_t port) {
  const SiteCredential* best = nullptr;
  for (const SiteCredential& credential : credentials) {
    const bool fits = (credential.host == "*" || equals_ignoring_case(credential.host, host)) &&
                      (credential.port == 0 || credential.port == port);
    if (fits && (best == nullptr || precision(credential) > precision(*best))) {
      best = &credential;
    }
  }
  return best;
}

std::variant<WorkerConfig, std::vector<Error>> worker_config(const Settings& settings) {
  return ConfigReader(settings).read();
}

}  // namespace scpool::worker
