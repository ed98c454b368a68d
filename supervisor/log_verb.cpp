// `logs [SLOT] [-f]`: the newest log of each slot and the supervisor's, side by side. Works without
// a supervisor too: what a pool that ended left behind.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <list>
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
constexpr std::size_t kLabelWidth = 8;
// A log with a successor is given up after ten minutes without a new line.
constexpr int kSilentLooks = 3000;

struct LogPlace {
  std::string directory;
  std::string pool;
};

struct WorkerLog {
  std::uint64_t slot = 0;
  std::uint64_t generation = 0;
  std::string path;
};

// The worker of "<pool>-<slot>.<generation>.log"; nothing for other names.
std::optional<WorkerLog> worker_of_log(const std::string& name, const LogPlace& place) {
  if (!name.starts_with(place.pool + "-") || !name.ends_with(".log")) {
    return std::nullopt;
  }
  const std::string middle =
      name.substr(place.pool.size() + 1, name.size() - place.pool.size() - 5);
  const auto parts = split(middle, '.');
  const auto slot = parts.size() == 2 ? parse_number(parts[0]) : std::nullopt;
  const auto generation = parts.size() == 2 ? parse_number(parts[1]) : std::nullopt;
  return slot && generation
             ? std::optional(WorkerLog{*slot, *generation, place.directory + "/" + name})
             : std::nullopt;
}

// The workers' logs, of one slot or of all, older generations first.
std::vector<WorkerLog> worker_logs(const LogPlace& place, const std::string& slot) {
  std::vector<WorkerLog> logs;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(place.directory.c_str()), &closedir);
  while (directory != nullptr) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) {
      break;
    }
    auto log = worker_of_log(entry->d_name, place);
    if (log && (slot.empty() || slot == std::to_string(log->slot))) {
      logs.push_back(std::move(*log));
    }
  }
  std::sort(logs.begin(), logs.end(), [](const WorkerLog& left, const WorkerLog& right) {
    return left.generation < right.generation;
  });
  return logs;
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

// The logs that are shown side by side. A slot's next generation is read from its first line; the
// one before is read on, since a worker that drains still writes.
class ShownLogs {
 public:
  ShownLogs(const LogPlace& place, const std::string& slot, std::size_t lines)
      : place_(place), slot_(slot) {
    std::map<std::uint64_t, WorkerLog> newest;
    for (WorkerLog& log : worker_logs(place, slot)) {
      newest_[log.slot] = log.generation;
      newest[log.slot] = std::move(log);
    }
    for (const auto& [number, log] : newest) {
      show(log, lines);
    }
    if (slot.empty()) {
      const std::string path = place.directory + "/" + place.pool + ".log";
      shown_.push_back({"pool", LogFollower(path, lines)});
    }
  }

  bool empty() const { return shown_.empty(); }
  void take_up_new() {
    for (const WorkerLog& log : worker_logs(place_, slot_)) {
      const auto known = newest_.find(log.slot);
      if (known == newest_.end() || log.generation > known->second) {
        newest_[log.slot] = log.generation;
        show(log, SIZE_MAX);
      }
    }
  }
  void print_new(bool labelled, Terminal& terminal) {
    for (auto each = shown_.begin(); each != shown_.end();) {
      const std::string text = each->follower.read_new();
      print_lines(each->label, text, labelled ? kLabelWidth : 0, terminal);
      each->silent_looks = text.empty() ? each->silent_looks + 1 : 0;
      const bool over = each->superseded && each->silent_looks > kSilentLooks;
      each = over ? shown_.erase(each) : std::next(each);
    }
  }

 private:
  struct Shown {
    std::string label;
    LogFollower follower;
    std::uint64_t slot = UINT64_MAX;  // none: the supervisor's own
    bool superseded = false;
    int silent_looks = 0;
  };

  void show(const WorkerLog& log, std::size_t lines) {
    for (Shown& each : shown_) {
      each.superseded = each.superseded || each.slot == log.slot;
    }
    shown_.push_back({std::to_string(log.slot) + "." + std::to_string(log.generation),
                      LogFollower(log.path, lines),
                      log.slot});
  }

  const LogPlace& place_;
  const std::string& slot_;
  std::map<std::uint64_t, std::uint64_t> newest_;  // generation by slot
  std::list<Shown> shown_;
};

ExitCode follow(const LogPlace& place, const std::string& slot, const Settings& settings) {
  Terminal terminal(STDOUT_FILENO);
  ShownLogs logs(place, slot, settings.count("lines"));
  if (logs.empty()) {
    return complain(ExitCode::Failed, "there is no log of slot " + slot + " in " + place.directory);
  }
  while (true) {
    logs.print_new(slot.empty() || settings.is_on("follow"), terminal);
    if (!settings.is_on("follow")) {
      return ExitCode::Done;
    }
    pause_for(kFollowPeriod);
    logs.take_up_new();
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
