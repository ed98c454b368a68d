#include "common/io/port_holder.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "common/base/text.hpp"

namespace scpool {
namespace {

struct ListeningSocket {
  std::string inode;
  std::string uid;
};

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const std::string& path) {
  return {opendir(path.c_str()), &closedir};
}

// A line of proc(5), "/proc/net/tcp": sl local rem st queues timer retransmits uid timeout inode.
std::optional<ListeningSocket> find_in(const char* table, std::uint16_t port) {
  constexpr std::string_view kListen = "0A";
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const std::size_t colon = local.rfind(':');
    if (state == kListen && colon != std::string::npos &&
        std::stoul("0" + local.substr(colon + 1), nullptr, 16) == port) {
      return ListeningSocket{inode, uid};
    }
  }
  return std::nullopt;
}

bool holds(const std::string& pid, const std::string& link_text) {
  const std::string folder = "/proc/" + pid + "/fd";
  const Directory descriptors = open_directory(folder);
  if (descriptors == nullptr) {
    return false;
  }
  while (const dirent* entry = readdir(descriptors.get())) {
    std::array<char, 64> target{};
    const std::string path = folder + "/" + entry->d_name;
    const ssize_t size = readlink(path.c_str(), target.data(), target.size());
    if (size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == link_text) {
      return true;
    }
  }
  return false;
}

std::optional<int> find_process(const std::string& inode) {
  const Directory processes = open_directory("/proc");
  if (processes == nullptr) {
    return std::nullopt;
  }
  const std::string link_text = "socket:[" + inode + "]";
  while (const dirent* entry = readdir(processes.get())) {
    const auto pid = parse_number(entry->d_name);
    if (pid.has_value() && holds(entry->d_name, link_text)) {
      return static_cast<int>(*pid);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string process_title(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  if (!std::getline(file, name) || name.empty()) {
    return "pid " + std::to_string(pid);
  }
  return name + " (pid " + std::to_string(pid) + ")";
}

std::string port_holder(std::uint16_t port) {
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto socket = find_in(table, port);
    if (!socket.has_value()) {
      continue;
    }
    const auto pid = find_process(socket->inode);
    return pid.has_value()
               ? "held by " + process_title(*pid)
               : "held by a process of uid " + socket->uid + ", which this user may not look into";
  }
  return {};
}

}  // namespace scpool
