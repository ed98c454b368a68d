#include "supervisor/core/pool_config.hpp"

#include <algorithm>

#include "common/base/fingerprint.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {
namespace {

// The most workers one supervisor watches.
constexpr std::uint64_t kMaxSize = 1000;

class ConfigReader {
 public:
  explicit ConfigReader(const Settings& settings) : settings_(settings) {}

  PoolConfig read() {
    PoolConfig config;
    config.name = settings_.text("pool.name");
    config.tunnel_name = settings_.text("pool.tunnel_name");
    if (config.tunnel_name.empty()) {
      config.tunnel_name = config.name;
    }
    config.policy = read_policy();
    read_account(config.account);
    read_worker(config.worker);
    config.log.directory = settings_.text("log.directory");
    config.log.file = settings_.text("log.file");
    config.log.format = settings_.text("log.format");
    config.log.max_size = settings_.size("log.max_size");
    config.log.keep = settings_.count("log.keep");
    config.log.max_age = settings_.duration("log.max_age");
    config.log.max_total = settings_.size("log.max_total");
    config.control.socket = settings_.text("control.socket");
    config.control.group = settings_.text("control.group");
    config.control.api_address = settings_.text("control.api_address");
    config.run_directory = settings_.text("directories.run");
    config.state_directory = settings_.text("directories.state");
    return config;
  }

  void check(const PoolConfig& config, PoolMode mode) {
    check_names(config);
    check_policy(config.policy);
    check_account(config.account, mode);
    check_worker(config, mode);
  }

  std::vector<Error> take_problems() { return std::move(problems_); }

 private:
  PoolPolicy read_policy() {
    PoolPolicy policy;
    policy.size = small("pool.size");
    policy.max_surge = small("pool.max_surge");
    policy.max_unavailable = small("pool.max_unavailable");
    policy.start_timeout = settings_.duration("pool.start_timeout");
    policy.min_ready_time = settings_.duration("pool.min_ready_time");
    policy.canary_time = settings_.duration("pool.canary_time");
    policy.progress_deadline = settings_.duration("pool.progress_deadline");
    policy.max_age = settings_.duration("pool.max_age");
    policy.drain_timeout = settings_.duration("pool.drain_timeout");
    policy.stop_grace = settings_.duration("pool.stop_grace");
    policy.probe_period = settings_.duration("health.probe_period");
    policy.probe_timeout = settings_.duration("health.probe_timeout");
    policy.silent_probes = small("health.silent_probes");
    policy.unready_tolerance = settings_.duration("health.unready_tolerance");
    policy.memory_limit = settings_.size("health.memory_limit");
    policy.descriptor_limit = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(settings_.count("health.descriptor_limit"), 0xffffffffU));
    policy.rest_period = settings_.duration("health.rest_period");
    policy.rest_timeout = settings_.duration("health.rest_timeout");
    policy.backoff.base = settings_.duration("restart.backoff_base");
    policy.backoff.first_limit = policy.backoff.base / 2;
    policy.backoff.cap = settings_.duration("restart.backoff_cap");
    policy.slow_retry = settings_.duration("restart.slow_retry");
    policy.stable_after = settings_.duration("restart.stable_after");
    return policy;
  }

  void read_account(AccountSettings& account) {
    account.user = settings_.text("account.user");
    account.access_key = Secret{settings_.text("account.access_key")};
    account.access_key_file = settings_.text("account.access_key_file");
    account.region = settings_.text("account.region");
    account.rest_url = settings_.text("account.rest_url");
    account.ca_file = settings_.text("account.ca_file");
  }

  void read_worker(WorkerSettings& worker) {
    worker.kind = settings_.text("worker.kind");
    worker.program = settings_.text("worker.program");
    worker.arguments = settings_.list("worker.arguments");
    worker.proxy_localhost = settings_.text("worker.proxy_localhost");
    worker.log_level = settings_.text("worker.log_level");
    worker.orphan_grace = settings_.duration("worker.orphan_grace");
    worker.open_files = settings_.count("worker.open_files");
    worker.follow_program = settings_.is_on("worker.follow_program");
    for (const std::string& pair : settings_.list("worker.environment")) {
      const std::size_t equals = pair.find('=');
      if (equals == 0 || equals == std::string::npos) {
        fail("worker.environment", "an entry is not NAME=value");
        continue;
      }
      worker.environment.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
  }

  void check_names(const PoolConfig& config) {
    const auto fits_a_file = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    };
    if (config.name.empty() || config.name.size() > 64 ||
        !std::all_of(config.name.begin(), config.name.end(), fits_a_file)) {
      fail("pool.name", "it names files: 1 to 64 letters, digits, - and _");
    }
    const bool printable = std::all_of(config.tunnel_name.begin(),
                                       config.tunnel_name.end(),
                                       [](char c) { return c > ' ' && c < '\x7f'; });
    if (!printable || config.tunnel_name.size() > 255) {
      fail("pool.tunnel_name", "at most 255 ASCII characters without blanks");
    }
  }

  void check_policy(const PoolPolicy& policy) {
    if (policy.size == 0 || policy.size > kMaxSize) {
      fail("pool.size", "from 1 to " + std::to_string(kMaxSize));
    }
    if (policy.max_unavailable >= std::max<std::uint32_t>(1, policy.size) && policy.size > 0) {
      fail("pool.max_unavailable", "at most pool.size - 1, else a restart may stop the whole pool");
    }
    if (policy.max_surge == 0 && policy.max_unavailable == 0) {
      fail("pool.max_surge", "with pool.max_unavailable = 0 nothing could ever be replaced; set 1");
    }
    if (policy.max_surge > kMaxSize) {
      fail("pool.max_surge", "at most " + std::to_string(kMaxSize));
    }
    at_least("pool.start_timeout", policy.start_timeout, 1s);
    at_least("pool.progress_deadline",
             policy.progress_deadline,
             policy.start_timeout + std::max(policy.min_ready_time, policy.canary_time));
    at_least("pool.stop_grace", policy.stop_grace, 100ms);
    at_least("health.probe_period", policy.probe_period, 100ms);
    at_least("health.probe_timeout", policy.probe_timeout, 50ms);
    at_least("health.unready_tolerance", policy.unready_tolerance, 1s);
    at_least("health.rest_timeout", policy.rest_timeout, 100ms);
    at_least("restart.backoff_base", policy.backoff.base, 10ms);
    at_least("restart.slow_retry", policy.slow_retry, 1s);
    if (policy.rest_period > Duration::zero()) {
      at_least("health.rest_period", policy.rest_period, 1s);
    }
    if (policy.max_age > Duration::zero()) {
      at_least("pool.max_age", policy.max_age, 2 * policy.min_ready_time + 1s);
    }
    if (policy.silent_probes == 0) {
      fail("health.silent_probes", "at least 1");
    }
    if (policy.backoff.cap < policy.backoff.base) {
      fail("restart.backoff_cap", "not below restart.backoff_base");
    }
  }

  void check_account(const AccountSettings& account, PoolMode mode) {
    if (mode == PoolMode::Local) {
      for (const char* key : {"account.user", "account.access_key_file", "account.rest_url"}) {
        if (settings_.origin(key).source == SettingOrigin::Source::File) {
          fail(key, "with --local the account is made for you; remove it or leave --local out");
        }
      }
      return;
    }
    if (account.user.empty()) {
      missing("account.user", "set it or SAUCE_USERNAME");
    }
    if (account.access_key.empty() && account.access_key_file.empty()) {
      missing("account.access_key_file", "set it or SAUCE_ACCESS_KEY");
    }
    if (settings_.origin("account.access_key").source == SettingOrigin::Source::File) {
      fail("account.access_key",
           "a key does not belong in this file; use account.access_key_file or SAUCE_ACCESS_KEY");
    }
    if (account.region.empty() && account.rest_url.empty()) {
      missing("account.region", "set it (as us-west), or account.rest_url");
    }
    const auto& regions = cloud_regions();
    if (account.rest_url.empty() && !account.region.empty() &&
        std::none_of(regions.begin(), regions.end(), [&](const CloudRegion& known) {
          return account.region == known.name || account.region == known.full_name;
        })) {
      std::vector<std::string> names;
      for (const CloudRegion& known : regions) {
        names.push_back(known.name);
      }
      fail("account.region",
           "one of " + join(names, ", ") + "; for another give its API as account.rest_url");
    }
    if (!account.rest_url.empty() && !account.rest_url.starts_with("https://") &&
        !account.rest_url.starts_with("http://")) {
      fail("account.rest_url", "a URL as https://host/rest/v1");
    }
  }

  void check_worker(const PoolConfig& config, PoolMode mode) {
    const WorkerKind& kind = *find_worker_kind(config.worker.kind);
    if (kind.needs_cloud && mode == PoolMode::Local) {
      fail("worker.kind", kind.name + " cannot use the server of --local; leave one of them out");
    }
    if (kind.drain_limit && config.policy.drain_timeout > *kind.drain_limit) {
      fail("pool.drain_timeout",
           "at most " + duration_text(*kind.drain_limit) + " with " + kind.name +
               ", which itself waits no longer for its jobs");
    }
    for (const std::string& argument : config.worker.arguments) {
      const std::string flag = argument.substr(0, argument.find('='));
      if (std::find(kind.secret_flags.begin(), kind.secret_flags.end(), flag) !=
          kind.secret_flags.end()) {
        fail("worker.arguments",
             flag + " would show a secret in the process list; use worker.environment");
      } else if (gives_flag(kind, flag)) {
        fail("worker.arguments",
             flag + " is given to each worker by the pool itself" +
                 (flag == "--proxy-localhost" ? "; set worker.proxy_localhost" : ""));
      }
    }
  }

  std::uint32_t small(const char* key) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(settings_.count(key), kMaxSize + 1));
  }
  void at_least(const char* key, Duration value, Duration least) {
    if (value < least) {
      fail(key, "at least " + duration_text(least));
    }
  }
  void fail(const char* key, const std::string& mend) {
    const SettingOrigin& origin = settings_.origin(key);
    const bool by_default = origin.source == SettingOrigin::Source::Default;
    problems_.emplace_back(ErrorKind::Invalid,
                           (by_default ? std::string(key) : origin.text) + ": " + mend);
  }
  void missing(const char* key, const std::string& mend) {
    problems_.emplace_back(ErrorKind::Invalid, std::string(key) + " is missing: " + mend);
  }

  const Settings& settings_;
  std::vector<Error> problems_;
};

}  // namespace

const std::vector<CloudRegion>& cloud_regions() {
  static const std::vector<CloudRegion> regions = {{"us-west", "us-west-1"},
                                                   {"us-east", "us-east-4"},
                                                   {"eu-central", "eu-central-1"},
                                                   {"asia-south-2", "asia-south-2"},
                                                   {"staging", "staging"}};
  return regions;
}

ConfigHash PoolConfig::worker_hash(const Secret& access_key, std::string_view program_mark) const {
  Fingerprint hash;
  hash.add(tunnel_name);
  hash.add(account.user);
  hash.add(access_key.reveal());
  hash.add(account.access_key_file);
  hash.add(account.region);
  hash.add(account.rest_url);
  hash.add(account.ca_file);
  hash.add(worker.kind);
  hash.add(worker.program);
  hash.add(program_mark);
  hash.add(worker.proxy_localhost);
  hash.add(worker.log_level);
  hash.add(log.format);
  hash.add(log.directory);
  hash.add(duration_text(worker.orphan_grace));
  hash.add(std::to_string(worker.open_files));
  for (const std::string& argument : worker.arguments) {
    hash.add(argument);
  }
  hash.add("environment");
  for (const auto& [variable, value] : worker.environment) {
    hash.add(variable);
    hash.add(value);
  }
  return {hash.get()};
}

bool needs_new_workers(std::string_view key) {
  return key.starts_with("worker.") || key.starts_with("account.") || key == "pool.tunnel_name" ||
         key == "log.format" || key == "log.directory";
}

std::variant<PoolConfig, std::vector<Error>> read_pool_config(const Settings& settings,
                                                              PoolMode mode) {
  ConfigReader reader(settings);
  PoolConfig config = reader.read();
  reader.check(config, mode);
  if (std::vector<Error> problems = reader.take_problems(); !problems.empty()) {
    return problems;
  }
  return config;
}

}  // namespace scpool::supervisor
