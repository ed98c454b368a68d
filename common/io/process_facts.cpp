#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "common/base/text.hpp"
#include "common/io/child_process.hpp"
#include "common/io/open_descriptor.hpp"

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
  if (open == std::string::npos || close == std::string::npos || close < open ||
      close + 2 > line.size()) {
    return std::nullopt;
  }
  ProcessFacts facts;
  facts.command = line.substr(open + 1, close - open - 1);
  int number = 3;
  bool zombie = false;
  for (const std::string_view word : split(std::string_view(line).substr(close + 2), ' ')) {
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
    ++number;
  }
  return facts;
}

// Empty when there is no such file.
std::string first_line(const std::string& path) {
  const OpenDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 2048> text{};
  const ssize_t count = file.valid() ? read(file.get(), text.data(), text.size()) : 0;
  const std::string_view all(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return std::string(all.substr(0, all.find('\n')));
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

std::optional<ProcessFacts> read_process_facts(int pid, FactsWanted wanted) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string line = pid > 0 ? first_line(folder + "/stat") : std::string();
  auto facts = from_stat(line);
  if (facts.has_value() && wanted == FactsWanted::All) {
    facts->open_descriptors = count_descriptors(folder + "/fd");
  }
  return facts;
}

}  // namespace scpool
