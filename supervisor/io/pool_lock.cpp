#include "supervisor/io/pool_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

std::string first_line(int descriptor) {
  std::array<char, 64> buffer{};
  const ssize_t count = pread(descriptor, buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    return {};
  }
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  return std::string(text.substr(0, text.find('\n')));
}

Error refusal(int reason, int descriptor, const std::string& path) {
  if (reason != EWOULDBLOCK) {
    return Error::from_errno(reason, path);
  }
  const std::string holder = first_line(descriptor);
  return {ErrorKind::Exists,
          "this pool is already up" +
              (holder.empty() ? std::string{} : " (supervisor: process " + holder + ")")};
}

// False when the file was removed by its last holder between our open and our lock.
bool is_still_at(int descriptor, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

Result<PoolLock> PoolLock::take(const std::string& path) {
  while (true) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) {
      return Error::from_errno(errno, path);
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      const Error why = refusal(errno, descriptor, path);
      close(descriptor);
      return why;
    }
    if (!is_still_at(descriptor, path)) {
      close(descriptor);
      continue;
    }
    PoolLock lock(path, descriptor);
    if (auto named = lock.name_us(); !named) {
      return named.error();
    }
    return lock;
  }
}

Result<PoolLock> PoolLock::adopt(const std::string& path, int descriptor) {
  if (!is_still_at(descriptor, path) || flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorKind::Invalid, path + ": the lock was not handed over");
  }
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  PoolLock lock(path, descriptor);
  if (auto named = lock.name_us(); !named) {
    return named.error();
  }
  return lock;
}

Result<void> PoolLock::name_us() const {
  const std::string content = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, content.data(), content.size(), 0) !=
                                            static_cast<ssize_t>(content.size())) {
    return Error::from_errno(errno, path_);
  }
  return {};
}

PoolLock::PoolLock(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor) {}

PoolLock::PoolLock(PoolLock&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

PoolLock::~PoolLock() {
  if (descriptor_ >= 0) {
    unlink(path_.c_str());
    close(descriptor_);
  }
}

}  // namespace scpool::supervisor
