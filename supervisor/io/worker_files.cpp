#include "supervisor/io/worker_files.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "common/base/text.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {
namespace {

// Of "<pool>-<slot>.<generation>.log.1"; nothing: not such a name.
std::optional<WorkerId> worker_in(std::string_view name, const std::string& pool) {
  const std::string prefix = pool + "-";
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  const std::vector<std::string_view> parts = split(name.substr(prefix.size()), '.');
  const auto slot = parts.size() < 3 ? std::nullopt : parse_number(parts[0]);
  const auto generation = slot && *slot <= UINT32_MAX ? parse_number(parts[1]) : std::nullopt;
  return generation ? std::optional(WorkerId{{static_cast<std::uint32_t>(*slot)}, {*generation}})
                    : std::nullopt;
}

}  // namespace

WorkerFiles worker_files(const PoolDirectories& directories,
                         const std::string& pool,
                         WorkerId worker) {
  const std::string name = "/" + pool + "-" + to_text(worker);
  return {directories.logs + name + ".log",
          directories.runtime + name + ".pid",
          directories.runtime + name + ".ready",
          directories.runtime + name + ".sock"};
}

std::uint64_t highest_generation(const PoolDirectories& directories, const std::string& pool) {
  std::uint64_t highest = 0;
  for (const std::string& directory : {directories.runtime, directories.logs}) {
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable)) {
      if (const auto worker = worker_in(entry.path().filename().string(), pool)) {
        highest = std::max(highest, worker->generation.value);
      }
    }
  }
  return highest;
}

void remove_stale_run_files(const PoolDirectories& directories,
                            const std::string& pool,
                            const std::set<WorkerId>& living) {
  std::vector<std::filesystem::path> stale;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(directories.runtime, unreadable)) {
    const auto worker = worker_in(entry.path().filename().string(), pool);
    if (worker && !living.contains(*worker)) {
      stale.push_back(entry.path());
    }
  }
  for (const std::filesystem::path& path : stale) {
    std::filesystem::remove(path, unreadable);
  }
}

}  // namespace scpool::supervisor
