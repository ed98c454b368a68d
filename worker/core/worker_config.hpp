// What `sc-worker run` is configured with: the table of its settings and the validated result.
// Checks everything that can be checked without the outside world; files and addresses are tried
// where they are used. Immutable once made; owned by the worker's shell.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/base/time.hpp"
#include "common/config/flag_table.hpp"
#include "common/config/settings.hpp"
#include "common/http/domain_rules.hpp"
#include "common/http/fields.hpp"

namespace scpool::worker {

enum class LocalhostPolicy { Allow, Deny, Direct };
enum class LogHttpMode { None, ShortUrl, Url, Headers, Body, Errors };

// A domain list as written (for the REST contract) and compiled.
struct DomainList {
  std::vector<std::string> rules;
  DomainRules compiled;
};

// "user[:password]@host:port"; host or port may be "*".
struct SiteCredential {
  std::string host;        // lower case; "*": any
  std::uint16_t port = 0;  // 0: any
  std::string user;
  Secret password;
};

// Most specific entry first: host:port, then *:port, then host:*, then *:*; null without a match.
const SiteCredential* find_credential(const std::vector<SiteCredential>& credentials,
                                      std::string_view host,
                                      std::uint16_t port);

// One edit of a request's header; they apply in order.
struct HeaderRule {
  enum class Kind {
    Add,           // "name: value" appends
    SetEmpty,      // "name;" leaves one empty field
    Remove,        // "-name"
    RemovePrefix,  // "-name*"
  };
  Kind kind = Kind::Add;
  std::string name;
  std::string value;
};
Result<HeaderRule> parse_header_rule(const std::string& text);
void apply_header_rules(const std::vector<HeaderRule>& rules, Fields& fields);

// "HOST:PORT", ":PORT" (all addresses) or "unix:PATH".
struct ApiAddress {
  std::string host;  // empty: all addresses
  std::uint16_t port = 0;
  std::string unix_path;  // not empty: this, not TCP
};

struct ApiCredential {
  std::string user;
  Secret password;
};

struct LogHttp {
  LogHttpMode api = LogHttpMode::None;
  LogHttpMode proxy = LogHttpMode::None;
  LogHttpMode control = LogHttpMode::None;
};

struct HttpTimes {
  Duration dial_timeout = Duration::zero();
  std::uint32_t dial_attempts = 0;
  Duration dial_backoff = Duration::zero();
  Duration idle_connection_timeout = Duration::zero();  // zero: none
  Duration response_header_timeout = Duration::zero();  // zero: none
  Duration tls_handshake_timeout = Duration::zero();
};

struct WorkerConfig {
  std::string user;
  Secret access_key;
  std::string region;    // empty when only rest_url was given
  std::string rest_url;  // with "/rest/v1", without a slash at the end
  std::string tunnel_name;
  bool tunnel_pool = false;
  bool shared = false;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::uint32_t tunnel_connections = 0;
  std::uint32_t max_concurrent_streams = 0;
  bool carrier = true;  // hidden flag --carrier: off only to measure what it costs
  DomainList deny_domains;
  DomainList direct_domains;
  DomainList tunnel_domains;
  DomainList tls_passthrough_domains;
  DomainList tls_resign_domains;
  std::vector<SiteCredential> credentials;
  std::vector<HeaderRule> header_rules;
  LocalhostPolicy localhost = LocalhostPolicy::Deny;
  std::vector<std::string> ca_files;
  HttpTimes http;
  std::optional<ApiAddress> api_address;
  std::optional<ApiCredential> api_credential;
  Duration api_idle_timeout = Duration::zero();
  std::string log_file;    // empty: standard output
  std::string log_format;  // "text", "keyvalue", "json"
  std::string log_level;   // "error", "info", "debug"
  LogHttp log_http;
  bool ready_on_stdout = false;  // the ready line, even with a log file (`legacy`)
  std::string pid_file;
  std::string ready_file;
  // Hidden flags --supervisor-socket and --orphan-grace: while nobody has answered there for so
  // long, the worker drains and ends. Empty: it has no supervisor.
  std::string supervisor_socket;
  Duration orphan_grace = std::chrono::minutes{10};
};

// The flags, variables and keys of `sc-worker run`; environment prefix "SAUCE_".
FlagTable worker_flag_table();

// All problems at once, each naming the setting's origin.
std::variant<WorkerConfig, std::vector<Error>> worker_config(const Settings& settings);

}  // namespace scpool::worker
