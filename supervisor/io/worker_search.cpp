#include "supervisor/io/worker_search.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/base/text.hpp"
#include "common/io/child_process.hpp"

namespace scpool::supervisor {
namespace {

// Of a command line in which "<prefix><slot>.<generation>.<suffix>" occurs.
std::optional<WorkerId> worker_in(std::string_view command_line, const std::string& prefix) {
  const std::size_t found = command_line.find(prefix);
  if (found == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view rest = command_line.substr(found + prefix.size());
  const std::size_t first_dot = rest.find('.');
  const std::size_t second_dot =
      first_dot == std::string_view::npos ? first_dot : rest.find('.', first_dot + 1);
  if (second_dot == std::string_view::npos) {
    return std::nullopt;
  }
  const auto slot = parse_number(rest.substr(0, first_dot));
  const auto generation = parse_number(rest.substr(first_dot + 1, second_dot - first_dot - 1));
  if (!slot || !generation || *slot > UINT32_MAX) {
    return std::nullopt;
  }
  return WorkerId{{static_cast<std::uint32_t>(*slot)}, {*generation}};
}

}  // namespace

std::vector<KnownProcess> search_workers(const PoolDirectories& directories,
                                         const std::string& pool) {
  const std::string prefix = directories.runtime + "/" + pool + "-";
  std::vector<KnownProcess> workers;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", unreadable)) {
    const auto number = parse_number(entry.path().filename().string());
    if (!number) {
      continue;
    }
    const auto pid = static_cast<int>(*number);
    std::ifstream file(entry.path() / "cmdline");
    std::ostringstream command_line;
    command_line << file.rdbuf();
    const auto worker = worker_in(command_line.str(), prefix);
    if (!worker || getsid(pid) != pid) {
      continue;
    }
    if (const auto facts = read_process_facts(pid)) {
      workers.push_back({*worker, pid, facts->start_time, {}, {}, {}});
    }
  }
  return workers;
}

}  // namespace scpool::supervisor
