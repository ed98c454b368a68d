#include "supervisor/io/pool_search.hpp"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

// A socket file outlives a supervisor that was killed; a connection does not.
bool listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) {
    return false;
  }
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return connected;
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::string> running_pools() {
  std::vector<std::string> names;
  const std::string base = runtime_base(getuid(), environment_variable);
  DIR* directory = base.empty() ? nullptr : opendir(base.c_str());
  if (directory == nullptr) {
    return names;
  }
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    std::string socket = base;
    socket.append("/").append(name).append("/control.sock");
    if (is_pool_name(name) && listens(socket)) {
      names.push_back(name);
    }
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> find_control_socket(const std::string& socket, const std::string& pool) {
  if (!socket.empty()) {
    return socket;
  }
  std::string name = pool;
  const std::string base = runtime_base(getuid(), environment_variable);
  if (name.empty() && !base.empty()) {
    const std::vector<std::string> names = running_pools();
    if (names.empty()) {
      return Error(ErrorKind::NotFound,
                   "no pool is up (looked in " + base + "); start one with 'sc-pool up'");
    }
    if (names.size() > 1) {
      return Error(ErrorKind::Invalid,
                   "several pools are up (" + join(names, ", ") + "); choose one with --pool NAME");
    }
    name = names.front();
  }
  const auto directories =
      find_pool_directories(name.empty() ? "pool" : name, getuid(), environment_variable);
  if (!directories) {
    return directories.error();
  }
  return control_socket_path(directories.value());
}

}  // namespace scpool::supervisor
