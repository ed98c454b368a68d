// `logs [SLOT] [-f]`: the newest log of each slot and the supervisor's, side by side. Works without
// a supervisor too: what a pool that ended left behind.
#include <dirent.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "common/base/text.hpp"
#include "supervisor/io/log_tail.hpp"
#include "supervisor/io/pool_search.hpp"
#include "supervisor/io/process_watch.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFollowPeriod = 200ms;

struct LogPlace {
  std::string directory;
  std::string pool;
};

// The number of "<pool>-<slot>.<generation>.log"; nothing for other names.
std::optional<std::pair<std::uint64_t, std::uint64_t>> worker_of_log(const std::string& name,
                                                                     const std::string& pool) {
  if (!name.starts_with(pool + "-") || !name.ends_with(".log")) {
    return std::nullopt;
  }
  const std::string middle = name.substr(pool.size() + 1, name.size() - pool.size() - 5);
  const auto parts = split(middle, '.');
  const auto slot = parts.size() == 2 ? parse_number(parts[0]) : std::nullopt;
  const auto generation = parts.size() == 2 ? parse_number(parts[1]) : std::nullopt;
  return slot && generation ? std::optional(std::pair(*slot, *generation)) : std::nullopt;
}

// The newest log of each slot by what it is called on the screen.
std::map<std::string, std::string> newest_logs(const LogPlace& place, const std::string& slot) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> newest;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(place.directory.c_str()), &closedir);
  while (directory != nullptr) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) {
      break;
    }
    const std::string name = entry->d_name;
    const auto worker = worker_of_log(name, place.pool);
    if (!worker || (!slot.empty() && slot != std::to_string(worker->first))) {
      continue;
    }
    auto& best = newest[std::to_string(worker->first)];
    if (best.second.empty() || worker->second > best.first) {
      best = {worker->second, place.directory + "/" + name};
    }
  }
  std::map<std::string, std::string> paths;
  for (const auto& [label, found] : newest) {
    paths[label] = found.second;
  }
  if (slot.empty()) {
    paths["pool"] = place.directory + "/" + place.pool + ".log";
  }
  return paths;
}

Result<LogPlace> find_place(const Settings& settings) {
  auto pool = PoolConnection::open(settings);
  if (pool.ok()) {
    const auto facts = pool.value().status();
    if (facts.ok()) {
      return LogPlace{facts.value().log_directory, facts.value().pool};
    }
  }
  if (settings.text("pool").empty()) {
    return pool.ok() ? Error(ErrorKind::NotFound, "no supervisor there; name the pool with --pool")
                     : pool.error();
  }
  const auto directories =
      find_pool_directories(settings.text("pool"), getuid(), environment_variable);
  return directories ? Result<LogPlace>(LogPlace{directories.value().logs, settings.text("pool")})
                     : Result<LogPlace>(directories.error());
}

void print_lines(const std::string& label,
                 const std::string& text,
                 std::size_t label_width,
                 Terminal& terminal) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (label_width > 0) {
      out += terminal.styled(Style::Faint, padded(label, label_width) + "│ ");
    }
    out += std::string(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  terminal.write(out);
}

using FollowedLogs = std::map<std::string, std::pair<std::string, LogFollower>>;

// Takes up new logs; of a slot whose worker was replaced, the new one follows the old one's end.
void take_up(const std::map<std::string, std::string>& newest,
             std::size_t lines,
             FollowedLogs& followed) {
  for (const auto& [label, path] : newest) {
    const auto known = followed.find(label);
    if (known == followed.end() || known->second.first != path) {
      followed.erase(label);
      followed.emplace(label, std::pair(path, LogFollower(path, lines)));
    }
  }
}

ExitCode follow(const LogPlace& place, const std::string& slot, const Settings& settings) {
  Terminal terminal(STDOUT_FILENO);
  FollowedLogs followed;
  take_up(newest_logs(place, slot), settings.count("lines"), followed);
  if (followed.empty()) {
    return complain(ExitCode::Failed, "there is no log of slot " + slot + " in " + place.directory);
  }
  while (true) {
    for (auto& [label, follower] : followed) {
      print_lines(label, follower.second.read_new(), slot.empty() ? 5 : 0, terminal);
    }
    if (!settings.is_on("follow")) {
      return ExitCode::Done;
    }
    pause_for(kFollowPeriod);
    // A log that appears while we follow is read from its first line.
    take_up(newest_logs(place, slot), SIZE_MAX, followed);
  }
}

}  // namespace

ExitCode run_logs(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const std::string slot = invocation.words.empty() ? "" : invocation.words.front();
  if (!slot.empty() && !parse_number(slot)) {
    return complain(ExitCode::Usage, "logs: '" + slot + "' is not a slot number");
  }
  const auto place = find_place(settings);
  if (!place) {
    return failed(place.error());
  }
  return follow(place.value(), slot, settings);
}

}  // namespace scpool::supervisor
