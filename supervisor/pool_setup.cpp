#include "supervisor/pool_setup.hpp"

#include <unistd.h>

#include <algorithm>

#include "supervisor/io/files.hpp"
#include "supervisor/io/pool_search.hpp"

namespace scpool::supervisor {
namespace {

constexpr const char* kLocalName = "local";
// sun_path of unix(7), without the closing NUL.
constexpr std::size_t kMaxSocketPath = 107;
// "-SLOT.GENERATION.sock" with room for years of restarts.
constexpr std::size_t kLongestSuffix = 24;

std::vector<Error> one(const Error& error) {
  return {error};
}

// Without --config: the file of that name where configurations live, if there is one.
std::string default_config_file(const std::string& pool) {
  std::string base = "/etc";
  if (getuid() != 0) {
    const std::string home = environment_variable("HOME").value_or("");
    base = environment_variable("XDG_CONFIG_HOME").value_or(home + "/.config");
  }
  std::string path = base + "/sc-pool/" + pool + ".toml";
  return file_exists(path) ? path : std::string{};
}

std::variant<Settings, std::vector<Error>> load_settings(const ConfigQuestion& question,
                                                         const std::string& file) {
  SettingSources sources;
  sources.flags = question.pool_flags;
  sources.file = file;
  sources.environment = environment_variable;
  if (!question.pool.empty()) {
    sources.flags.emplace_back("pool.name", question.pool);
  }
  if (!question.socket.empty()) {
    sources.flags.emplace_back("control.socket", question.socket);
  }
  auto loaded = Settings::load(pool_setting_table(), sources);
  const auto* settings = std::get_if<Settings>(&loaded);
  if (settings != nullptr && question.mode == PoolMode::Local && !settings->given("pool.name")) {
    sources.flags.emplace_back("pool.name", kLocalName);
    return Settings::load(pool_setting_table(), sources);
  }
  return loaded;
}

std::string region_host(const std::string& region) {
  for (const CloudRegion& known : cloud_regions()) {
    if (region == known.name) {
      return known.full_name;
    }
  }
  return region;
}

std::string without_slash(std::string url) {
  while (!url.empty() && url.back() == '/') {
    url.pop_back();
  }
  return url;
}

}  // namespace

ConfigQuestion config_question(const Invocation& invocation) {
  ConfigQuestion question;
  question.mode = invocation.settings.is_on("local") ? PoolMode::Local : PoolMode::Cloud;
  question.file = invocation.settings.text("config");
  question.pool = invocation.settings.text("pool");
  question.socket = invocation.settings.text("socket");
  question.pool_flags = invocation.pool_flags;
  return question;
}

std::variant<LoadedConfig, std::vector<Error>> load_pool_config(const Invocation& invocation) {
  return load_pool_config(config_question(invocation));
}

std::variant<LoadedConfig, std::vector<Error>> load_pool_config(const ConfigQuestion& question) {
  LoadedConfig loaded;
  loaded.mode = question.mode;
  loaded.file = question.file;
  if (loaded.file.empty() && loaded.mode == PoolMode::Cloud) {
    loaded.file = default_config_file(question.pool.empty() ? "pool" : question.pool);
  }
  auto settings = load_settings(question, loaded.file);
  if (auto* problems = std::get_if<std::vector<Error>>(&settings)) {
    return std::move(*problems);
  }
  auto& effective = std::get<Settings>(settings);
  auto config = read_pool_config(effective, loaded.mode);
  if (auto* problems = std::get_if<std::vector<Error>>(&config)) {
    if (loaded.file.empty() && loaded.mode == PoolMode::Cloud) {
      problems->emplace_back(
          ErrorKind::Invalid,
          "no configuration file: give one with --config FILE, or try everything on this machine "
          "with: sc-pool up --local");
    }
    return std::move(*problems);
  }
  loaded.config = std::get<PoolConfig>(std::move(config));
  if (loaded.mode == PoolMode::Local && loaded.config.worker.proxy_localhost.empty()) {
    loaded.config.worker.proxy_localhost = "allow";  // where a first user's site is
  }
  loaded.text = effective.redacted_text();
  if (const auto directories = directories_of(loaded.config); !directories) {
    return one(directories.error());
  }
  return loaded;
}

Result<PoolDirectories> directories_of(const PoolConfig& config) {
  auto found = find_pool_directories(config.name, getuid(), environment_variable);
  if (!found) {
    return found;
  }
  PoolDirectories& directories = found.value();
  const std::pair<const std::string*, std::string*> overrides[] = {
      {&config.run_directory, &directories.runtime},
      {&config.state_directory, &directories.state},
      {&config.log.directory, &directories.logs}};
  for (const auto& [given, directory] : overrides) {
    if (!given->empty()) {
      *directory = *given;
    }
  }
  return found;
}

Result<void> make_directories(const PoolDirectories& directories, const std::string& pool) {
  for (const std::string& path : {directories.state, directories.logs, directories.runtime}) {
    if (auto made = make_private_directory(path); !made) {
      return made;
    }
  }
  if (directories.runtime.size() + 1 + pool.size() + kLongestSuffix > kMaxSocketPath) {
    return Error(ErrorKind::Invalid,
                 directories.runtime +
                     ": too long for sockets, whose paths have at most 107 bytes; set "
                     "directories.run or XDG_RUNTIME_DIR to a shorter one");
  }
  return {};
}

RestAccount keyless_account(const PoolConfig& config) {
  RestAccount account;
  account.user = config.account.user;
  account.url = without_slash(config.account.rest_url);
  if (account.url.empty()) {
    account.url = "https://api." + region_host(config.account.region) + ".saucelabs.com/rest/v1";
  }
  if (!config.account.ca_file.empty()) {
    account.ca_files.push_back(config.account.ca_file);
  }
  return account;
}

Result<RestAccount> account_of(const PoolConfig& config, const PoolDirectories& directories) {
  RestAccount account = keyless_account(config);
  account.access_key = config.account.access_key;
  if (!account.access_key.empty()) {
    return account;
  }
  const std::string& file = config.account.access_key_file;
  const bool is_credential =
      file.find('/') == std::string::npos && !directories.credentials.empty();
  auto key =
      is_credential ? read_credential(directories.credentials, file) : read_secret_file(file);
  if (!key) {
    return key.error().within("account.access_key_file");
  }
  account.access_key = std::move(key).value();
  return account;
}

}  // namespace scpool::supervisor
