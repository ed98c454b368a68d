#include "supervisor/io/worker_files.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "common/base/text.hpp"
#include "supervisor/core/pool_types.hpp"

namespace scpool::supervisor {
namespace {

// Of "<pool>-<slot>.<generation>.log.1"; nothing: not such a name.
std::optional<std::uint64_t> generation_in(std::string_view name, const std::string& pool) {
  const std::string prefix = pool + "-";
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  const std::vector<std::string_view> parts = split(name.substr(prefix.size()), '.');
  if (parts.size() < 3 || !parse_number(parts[0])) {
    return std::nullopt;
  }
  return parse_number(parts[1]);
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
      highest =
          std::max(highest, generation_in(entry.path().filename().string(), pool).value_or(0));
    }
  }
  return highest;
}

}  // namespace scpool::supervisor
