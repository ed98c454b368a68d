#include "worker/core/legacy_flags.hpp"

#include <algorithm>
#include <string_view>

#include "common/base/text.hpp"
#include "common/http/percent_encoding.hpp"

namespace scpool::worker {
namespace {

constexpr const char* kNoRelay =
    "there is no Selenium relay; tests name the tunnel in their capabilities instead";

SettingSpec text(std::string name, char short_name, std::string help) {
  SettingSpec made;
  made.name = std::move(name);
  made.short_name = short_name;
  made.help = std::move(help);
  return made;
}

SettingSpec list(std::string name, char short_name, std::string help) {
  SettingSpec made = text(std::move(name), short_name, std::move(help));
  made.repeatable = true;
  return made;
}

SettingSpec secret(SettingSpec made) {
  made.secret = true;
  return made;
}

SettingSpec flag(std::string name, char short_name, std::string help) {
  SettingSpec made = text(std::move(name), short_name, std::move(help));
  made.type = SettingType::Bool;
  made.default_text = "false";
  return made;
}

std::vector<SettingSpec> converted_specs() {
  SettingSpec verbose = text("verbose", '\0', "0, 1 or 2; also -v and -vv.");
  verbose.type = SettingType::Count;
  verbose.default_text = "0";
  return {
      secret(text("user", 'u', "Account that owns the tunnel; also SAUCE_USERNAME.")),
      secret(text("api-key", 'k', "The account's key; also SAUCE_ACCESS_KEY.")),
      text("region", 'r', "Region of the account; us-west unless --rest-url is given."),
      text("rest-url", 'x', "REST API of the server."),
      text("tunnel-name", 'i', "The name by which jobs choose the tunnel."),
      text("tunnel-identifier", '\0', "The same, by its older name."),
      flag("tunnel-pool", '\0', "Join the pool of the tunnel's name."),
      flag("no-remove-colliding-tunnels", '\0', "The same, by its older name."),
      flag("shared-tunnel", 's', "Share the tunnel with the organisation."),
      list("metadata", '\0', "key:value reported with the tunnel."),
      list("fast-fail-regexps", 'F', "Hosts that are refused."),
      list("direct-domains", 'D', "Hosts that do not use the tunnel: name, .name or *.name."),
      list("tunnel-domains", 't', "Only these hosts use the tunnel."),
      list("no-ssl-bump-domains", 'B', "Hosts whose TLS is not re-encrypted, or all."),
      secret(list("auth", 'a', "host:port:user:password sent to sites.")),
      flag("proxy-localhost", '\0', "Sites on this machine may be reached."),
      text("cainfo", '\0', "CA certificates added to the system's."),
      text("tunnel-cainfo", '\0', "The same, for the tunnel."),
      text("pidfile", 'd', "Holds the process id; else sc_client-NAME.pid in /tmp."),
      text("readyfile", 'f', "Written when the tunnel is ready."),
      text("logfile", 'l', "Log file, - for standard output; else sc-NAME.log in /tmp."),
      text("status-address", '\0', "Local API: host:port."),
      text("config-file", 'c', "Settings as YAML; keys are the flags' names."),
      text("output-config-file", '\0', "Write the settings as `run` reads them, and end."),
      verbose,
      text("se-port", 'P', "0 or -1; there is no Selenium relay."),
      // Of no use with this program; `run` refuses what they become, by name.
      list("dns", '\0', "DNS servers."),
      text("pac", '\0', "Proxy auto-configuration."),
      text("proxy", 'p', "Proxy on the way to the server."),
      secret(text("proxy-userpwd", 'w', "Its credentials.")),
      secret(text("pac-auth", '\0', "Credentials of proxies a PAC file names.")),
      flag("proxy-tunnel", 'T', "Use --proxy for the tunnel as well."),
  };
}

// Without a meaning here; accepted, so that a command line need not be changed.
std::vector<SettingSpec> idle_specs() {
  std::vector<SettingSpec> specs;
  for (const char* name : {"log-stats",
                           "max-logsize",
                           "ocsp",
                           "experimental",
                           "extra-info",
                           "vm-version",
                           "output-format",
                           "metrics-address",
                           "scproxy-port",
                           "scproxy-read-limit",
                           "scproxy-write-limit"}) {
    const std::string_view is = name;
    specs.push_back(text(name, is == "log-stats" ? 'z' : is == "scproxy-port" ? 'X' : '\0', ""));
  }
  for (const char* name :
       {"autodetect", "no-autodetect", "doctor", "no-proxy-caching", "wait-tunnel-shutdown"}) {
    specs.push_back(flag(name, std::string_view(name) == "no-proxy-caching" ? 'N' : '\0', ""));
  }
  return specs;
}

class Conversion {
 public:
  Conversion(const Settings& legacy, const EnvironmentReader& environment)
      : legacy_(legacy), environment_(environment) {}

  std::variant<RunFlags, std::vector<Error>> take() {
    convert_account();
    convert_tunnel();
    convert_domains();
    convert_sites();
    convert_program();
    if (!problems_.empty()) {
      return std::move(problems_);
    }
    return std::move(flags_);
  }

 private:
  void convert_account() {
    give("username", first_of("user", "SAUCE_USERNAME"));
    give("access-key", first_of("api-key", "SAUCE_ACCESS_KEY"));
    const std::string url = legacy_.text("rest-url");
    give("rest-url", url);
    const std::string region = legacy_.text("region");
    give("region", region.empty() && url.empty() ? "us-west" : region);
  }

  void convert_tunnel() {
    const std::string name = legacy_.text("tunnel-name");
    give("tunnel-name", name.empty() ? legacy_.text("tunnel-identifier") : name);
    if (legacy_.is_on("tunnel-pool") || legacy_.is_on("no-remove-colliding-tunnels")) {
      give("tunnel-pool", "true");
    }
    if (legacy_.is_on("shared-tunnel")) {
      give("shared", "all");
    }
    for (std::string pair : legacy_.list("metadata")) {
      const std::size_t at = pair.find_first_of(":=");
      if (at != std::string::npos) {
        pair[at] = '=';
      }
      give("metadata", pair);
    }
  }

  void convert_domains() {
    for (const std::string& expression : legacy_.list("fast-fail-regexps")) {
      // They were matched against the whole URL, the new ones see the host alone.
      if (expression.find('/') != std::string::npos || expression.starts_with("^http")) {
        problem("fast-fail-regexps",
                "\"" + expression +
                    "\" is about more than the host; give --deny-domains of `run` an expression "
                    "for the host");
      } else {
        give("deny-domains", expression);
      }
    }
    constexpr std::pair<const char*, const char*> kGlobs[] = {
        {"direct-domains", "direct-domains"},
        {"tunnel-domains", "tunnel-domains"},
        {"no-ssl-bump-domains", "tls-passthrough-domains"}};
    for (const auto& [old_name, name] : kGlobs) {
      for (const std::string& glob : legacy_.list(old_name)) {
        give(name, glob == "all" ? glob : host_expression(glob));
      }
    }
  }

  void convert_sites() {
    for (const std::string& entry : legacy_.list("auth")) {
      const std::vector<std::string_view> parts = split(entry, ':');
      if (parts.size() < 4) {
        problem("auth", "an entry is not host:port:user:password");
        continue;
      }
      const std::size_t password = parts[0].size() + parts[1].size() + parts[2].size() + 3;
      give("auth",
           percent_encoded(parts[2]) + ":" +
               percent_encoded(std::string_view(entry).substr(password)) + "@" +
               std::string(parts[0]) + ":" + std::string(parts[1]));
    }
    if (legacy_.is_on("proxy-localhost")) {
      give("proxy-localhost", "allow");
    }
    give("cacert-file", legacy_.text("cainfo"));
    if (legacy_.text("tunnel-cainfo") != legacy_.text("cainfo")) {
      give("cacert-file", legacy_.text("tunnel-cainfo"));
    }
    for (const std::string& server : legacy_.list("dns")) {
      give("dns-server", server);
    }
    give("pac", legacy_.text("pac"));
    // The old flag was for REST and the tunnel; the new --proxy is for sites.
    give("proxy-sauce", legacy_.text("proxy"));
  }

  void convert_program() {
    give("pidfile", legacy_.text("pidfile"));
    give("readyfile", legacy_.text("readyfile"));
    const std::string log = legacy_.text("logfile");
    give("log-file", log == "-" ? "" : log);
    give("api-address", legacy_.text("status-address"));
    if (legacy_.count("verbose") > 0) {
      give("log-level", "debug");
    }
    if (legacy_.count("verbose") > 1) {
      give("log-http", "headers");
    }
    const std::string port = legacy_.text("se-port");
    if (!port.empty() && port != "0" && port != "-1") {
      problem("se-port", kNoRelay);
    }
  }

  std::string first_of(std::string_view name, const char* variable) const {
    const std::string value = legacy_.text(name);
    return value.empty() ? environment_(variable).value_or("") : value;
  }
  void give(const char* name, std::string value) {
    if (!value.empty()) {
      flags_.emplace_back(name, std::move(value));
    }
  }
  void problem(std::string_view name, const std::string& sentence) {
    problems_.emplace_back(ErrorKind::Invalid, legacy_.origin(name).text + ": " + sentence);
  }

  const Settings& legacy_;
  const EnvironmentReader& environment_;
  RunFlags flags_;
  std::vector<Error> problems_;
};

}  // namespace

FlagTable legacy_flag_table() {
  std::vector<SettingSpec> specs = converted_specs();
  for (SettingSpec& idle : idle_specs()) {
    specs.push_back(std::move(idle));
  }
  return FlagTable("SAUCE_", std::move(specs));
}

std::vector<std::string> with_counted_verbosity(std::vector<std::string> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-v" || words[i] == "-vv") {
      words[i] = "--verbose=" + std::to_string(words[i].size() - 1);
    } else if (words[i] == "--verbose") {
      const bool has_value = i + 1 < words.size() && parse_number(words[i + 1]).has_value();
      words[i] = has_value ? words[i] : "--verbose=1";
    }
  }
  return words;
}

std::variant<RunFlags, std::vector<Error>> run_flags(const Settings& legacy,
                                                     const EnvironmentReader& environment) {
  return Conversion(legacy, environment).take();
}

RunFlags default_paths(const Settings& legacy, const EnvironmentReader& environment) {
  std::string name = legacy.text("tunnel-name");
  if (name.empty()) {
    name = legacy.text("tunnel-identifier");
  }
  std::replace(name.begin(), name.end(), '/', '_');
  const std::string folder = environment("TMPDIR").value_or("/tmp");
  RunFlags flags;
  if (!legacy.given("pidfile")) {
    flags.emplace_back("pidfile",
                       folder + "/sc_client" + (name.empty() ? "" : "-" + name) + ".pid");
  }
  if (!legacy.given("logfile")) {
    flags.emplace_back("log-file", folder + "/sc" + (name.empty() ? "" : "-" + name) + ".log");
  }
  return flags;
}

std::string config_file_text(const RunFlags& flags) {
  std::string text;
  for (auto it = flags.begin(); it != flags.end(); ++it) {
    const auto is_same = [&](const auto& other) { return other.first == it->first; };
    if (std::any_of(flags.begin(), it, is_same)) {
      continue;  // written with the first of its name
    }
    const bool many = std::count_if(flags.begin(), flags.end(), is_same) > 1;
    text += it->first + ":" + (many ? "\n" : " ");
    for (const auto& [name, value] : flags) {
      if (name != it->first) {
        continue;
      }
      std::string quoted;
      for (const char c : value) {
        quoted += c == '\'' ? "''" : std::string(1, c);
      }
      const bool plain = value == "true";
      text += (many ? "  - " : "") + (plain ? value : "'" + quoted + "'") + "\n";
    }
  }
  return text;
}

std::string host_expression(const std::string& glob) {
  std::string_view name = glob;
  const bool subdomains = name.starts_with("*.") || name.starts_with(".");
  if (subdomains) {
    name.remove_prefix(name.find('.') + 1);
  }
  std::string result = subdomains ? "^.+\\." : "^";
  for (const char c : name) {
    if (c == '.') {
      result += "\\.";
    } else if (c == '*') {
      result += "[^.]*";
    } else {
      result += c;
    }
  }
  return result + "$";
}

}  // namespace scpool::worker
