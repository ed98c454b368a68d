#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "common/base/text.hpp"
#include "common/io/child_process.hpp"

namespace scpool {
namespace {

// proc(5), /proc/PID/stat: "PID (COMM) STATE ..."; COMM may hold blanks and parentheses.
std::optional<ProcessFacts> from_stat(const std::string& line) {
  constexpr int kParent = 4;
  constexpr int kStartTime = 22;  // numbered from 1, as proc(5) does
  constexpr int kResidentPages = 24;
  constexpr int kExitCode = 52;
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return std::nullopt;
  }
  ProcessFacts facts;
  facts.command = line.substr(open + 1, close - open - 1);
  std::istringstream rest(line.substr(close + 1));
  std::string word;
  bool zombie = false;
  for (int number = 3; number <= kExitCode && rest >> word; ++number) {
    if (number == 3) {
      zombie = word == "Z";
    } else if (number == kExitCode && zombie) {
      facts.wait_status = static_cast<int>(parse_number(word).value_or(0));
    } else if (number == kParent) {
      facts.parent = static_cast<int>(parse_number(word).value_or(0));
    } else if (number == kStartTime) {
      facts.start_time = parse_number(word).value_or(0);
    } else if (number == kResidentPages) {
      facts.resident_bytes =
          parse_number(word).value_or(0) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
  }
  return facts;
}

std::uint32_t count_descriptors(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), &closedir);
  std::uint32_t count = 0;
  while (entries != nullptr) {
    const dirent* entry = readdir(entries.get());
    if (entry == nullptr) {
      break;
    }
    count += entry->d_name[0] == '.' ? 0U : 1U;
  }
  return count;
}

}  // namespace

std::optional<ProcessFacts> read_process_facts(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string line;
  if (pid <= 0 || !std::getline(stat, line)) {
    return std::nullopt;
  }
  auto facts = from_stat(line);
  if (facts.has_value()) {
    facts->open_descriptors = count_descriptors(folder + "/fd");
  }
  return facts;
}

}  // namespace scpool
