#include "worker/io/pid_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/child_process.hpp"

namespace scpool::worker {

namespace {

constexpr mode_t kFileMode = 0644;

std::string holder_of(int descriptor) {
  std::array<char, 64> text{};
  const ssize_t count = pread(descriptor, text.data(), text.size() - 1, 0);
  std::string first(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  first = first.substr(0, first.find_first_of(" \n"));
  return first.empty() ? "another process" : "process " + first;
}

// The file that was locked may have been removed by its holder in the same moment.
bool still_there(const std::string& path, int descriptor) {
  struct stat by_path {};
  struct stat by_descriptor {};
  return stat(path.c_str(), &by_path) == 0 && fstat(descriptor, &by_descriptor) == 0 &&
         by_path.st_ino == by_descriptor.st_ino && by_path.st_dev == by_descriptor.st_dev;
}

Result<int> open_locked(const std::string& path) {
  while (true) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode);
    if (descriptor < 0) {
      return Error::from_errno(errno, "pid file " + path);
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const std::string holder = holder_of(descriptor);
      close(descriptor);
      return Error(ErrorKind::Exists, "held by " + holder).within("pid file " + path);
    }
    if (still_there(path, descriptor)) {
      return descriptor;
    }
    close(descriptor);
  }
}

}  // namespace

Result<PidFile> PidFile::create(const std::string& path) {
  const Result<int> descriptor = open_locked(path);
  if (!descriptor.ok()) {
    return descriptor.error();
  }
  PidFile file(path, descriptor.value());
  const int pid = getpid();
  const auto facts = read_process_facts(pid);
  const std::string text =
      std::to_string(pid) + " " + std::to_string(facts ? facts->start_time : 0) + "\n";
  if (ftruncate(file.descriptor_, 0) != 0 ||
      pwrite(file.descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Error::from_errno(errno, "pid file " + path);
  }
  return file;
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

PidFile::~PidFile() {
  if (descriptor_ >= 0) {
    unlink(path_.c_str());
    close(descriptor_);
  }
}

}  // namespace scpool::worker
