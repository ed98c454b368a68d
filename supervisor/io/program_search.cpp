#include "supervisor/io/program_search.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

bool is_program(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

std::string absolute(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return realpath(path.c_str(), resolved.data()) == nullptr ? path : std::string(resolved.data());
}

}  // namespace

std::string own_program() {
  constexpr std::string_view kReplaced = " (deleted)";  // proc(5): another file has the path now
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink("/proc/self/exe", target.data(), target.size());
  std::string path(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (path.ends_with(kReplaced)) {
    path.resize(path.size() - kReplaced.size());
  }
  return path;
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!is_program(name)) {
      return Error(ErrorKind::NotFound, name + ": there is no such program");
    }
    return absolute(name);
  }
  const std::string own = own_program();
  const std::string beside = own.substr(0, own.rfind('/') + 1) + name;
  if (is_program(beside)) {
    return beside;
  }
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    const std::string candidate = std::string(folder) + "/" + name;
    if (!folder.empty() && is_program(candidate)) {
      return absolute(candidate);
    }
  }
  return Error(ErrorKind::NotFound, name + ": neither at " + beside + " nor in PATH");
}

}  // namespace scpool::supervisor
