#include "supervisor/core/directories.hpp"

#include <algorithm>

namespace scpool::supervisor {
namespace {

constexpr std::size_t kMaxPoolName = 64;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string variable(const EnvironmentLookup& environment, const std::string& name) {
  return environment(name).value_or("");
}

// systemd lists several directories separated by colons; the first is the pool's.
std::string given_directory(const EnvironmentLookup& environment, const std::string& name) {
  const std::string value = variable(environment, name);
  return value.substr(0, value.find(':'));
}

// XDG: relative values are to be ignored (Base Directory Specification, "Basics").
std::string absolute_or_empty(std::string path) {
  return !path.empty() && path.front() == '/' ? path : std::string{};
}

std::string state_base(unsigned uid, const EnvironmentLookup& environment) {
  if (uid == 0) {
    return "/var/lib/sc-pool";
  }
  const std::string xdg = absolute_or_empty(variable(environment, "XDG_STATE_HOME"));
  if (!xdg.empty()) {
    return xdg + "/sc-pool";
  }
  const std::string home = absolute_or_empty(variable(environment, "HOME"));
  return home.empty() ? std::string{} : home + "/.local/state/sc-pool";
}

}  // namespace

bool is_pool_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxPoolName && name.front() != '.' &&
         name.front() != '-' && std::all_of(name.begin(), name.end(), is_name_character);
}

std::string runtime_base(unsigned uid, const EnvironmentLookup& environment) {
  if (!given_directory(environment, "RUNTIME_DIRECTORY").empty()) {
    return {};
  }
  if (uid == 0) {
    return "/run/sc-pool";
  }
  const std::string xdg = absolute_or_empty(variable(environment, "XDG_RUNTIME_DIR"));
  return xdg.empty() ? "/tmp/sc-pool-" + std::to_string(uid) : xdg + "/sc-pool";
}

Result<PoolDirectories> find_pool_directories(const std::string& pool,
                                              unsigned uid,
                                              const EnvironmentLookup& environment) {
  if (!is_pool_name(pool)) {
    return Error(ErrorKind::Invalid,
                 "pool name '" + pool +
                     "': use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter, "
                     "digit or '_'");
  }
  PoolDirectories found;
  found.runtime = given_directory(environment, "RUNTIME_DIRECTORY");
  found.state = given_directory(environment, "STATE_DIRECTORY");
  found.logs = given_directory(environment, "LOGS_DIRECTORY");
  found.credentials = given_directory(environment, "CREDENTIALS_DIRECTORY");
  if (found.runtime.empty()) {
    found.runtime = runtime_base(uid, environment) + "/" + pool;
  }
  const std::string base = state_base(uid, environment);
  if (base.empty() && (found.state.empty() || found.logs.empty())) {
    return Error(ErrorKind::Invalid,
                 "no place for the pool's state: neither HOME nor XDG_STATE_HOME is set");
  }
  if (found.logs.empty()) {
    found.logs = uid == 0 ? "/var/log/sc-pool/" + pool : base + "/" + pool + "/log";
  }
  if (found.state.empty()) {
    found.state = base + "/" + pool;
  }
  return found;
}

std::string control_socket_path(const PoolDirectories& directories) {
  return directories.runtime + "/control.sock";
}

}  // namespace scpool::supervisor
