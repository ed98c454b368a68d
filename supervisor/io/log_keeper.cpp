#include "supervisor/io/log_keeper.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

std::vector<LogKeeper::File> LogKeeper::files() const {
  std::vector<File> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(rules_.directory.c_str()), &closedir);
  while (directory != nullptr) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) {
      break;
    }
    const std::string log = log_of(entry->d_name);
    std::string path = rules_.directory + "/" + entry->d_name;
    struct stat facts {};
    if ((is_worker_log(log) || log == rules_.pool + ".log") && stat(path.c_str(), &facts) == 0) {
      found.push_back(
          {std::move(path), static_cast<std::uint64_t>(facts.st_size), facts.st_mtim.tv_sec});
    }
  }
  return found;
}

void LogKeeper::remove_old(const std::set<std::string>& current, WallTime now) const {
  if (rules_.max_age == Duration::zero()) {
    return;
  }
  const std::string own = rules_.directory + "/" + rules_.pool + ".log";
  for (const File& file : files()) {
    const std::string log = log_of(file.path);
    if (log != own && !current.contains(log) &&
        now - wall_time_from_unix(file.modified) > rules_.max_age) {
      unlink(file.path.c_str());
    }
  }
}

void LogKeeper::limit_total(const std::set<std::string>& current) const {
  std::vector<File> logs = rules_.max_total == 0 ? std::vector<File>{} : files();
  std::uint64_t total = 0;
  for (const File& file : logs) {
    total += file.size;
  }
  std::sort(logs.begin(), logs.end(), [](const File& left, const File& right) {
    return left.modified < right.modified;
  });
  const std::string own = rules_.directory + "/" + rules_.pool + ".log";
  for (const File& file : logs) {
    const bool stays = file.path == own || current.contains(file.path);
    if (total > rules_.max_total && !stays && unlink(file.path.c_str()) == 0) {
      total -= file.size;
    }
  }
}

}  // namespace scpool::supervisor
