#include "supervisor/io/log_keeper.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

std::string numbered(const std::string& path, std::uint64_t number) {
  return path + "." + std::to_string(number);
}

// Without the number of a rotated file: "x.log.3" is "x.log".
std::string log_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  const bool rotated = dot != std::string::npos && parse_number(name.substr(dot + 1)).has_value();
  return rotated ? name.substr(0, dot) : name;
}

}  // namespace

bool LogKeeper::rotate_if_large(const std::string& path) const {
  struct stat facts {};
  if (rules_.max_size == 0 || stat(path.c_str(), &facts) != 0 ||
      static_cast<std::uint64_t>(facts.st_size) < rules_.max_size) {
    return false;
  }
  unlink(numbered(path, rules_.keep).c_str());
  for (std::uint64_t number = rules_.keep; number > 1; --number) {
    rename(numbered(path, number - 1).c_str(), numbered(path, number).c_str());
  }
  return rules_.keep == 0 ? unlink(path.c_str()) == 0
                          : rename(path.c_str(), numbered(path, 1).c_str()) == 0;
}

// "<pool>-<slot>.<generation>.log"
bool LogKeeper::is_worker_log(const std::string& name) const {
  if (!name.starts_with(rules_.pool + "-") || !name.ends_with(".log")) {
    return false;
  }
  const auto parts = split(std::string_view(name).substr(rules_.pool.size() + 1), '.');
  return parts.size() == 3 && parse_number(parts[0]).has_value() &&
         parse_number(parts[1]).has_value();
}

void LogKeeper::remove_old(const std::set<std::string>& current, WallTime now) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(rules_.directory.c_str()), &closedir);
  while (directory != nullptr && rules_.max_age > Duration::zero()) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) {
      break;
    }
    const std::string log = log_of(entry->d_name);
    const std::string path = rules_.directory + "/" + entry->d_name;
    struct stat facts {};
    if (!is_worker_log(log) || current.contains(rules_.directory + "/" + log) ||
        stat(path.c_str(), &facts) != 0) {
      continue;
    }
    if (now - wall_time_from_unix(facts.st_mtim.tv_sec) > rules_.max_age) {
      unlink(path.c_str());
    }
  }
}

}  // namespace scpool::supervisor
