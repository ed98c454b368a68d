#include "supervisor/io/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kMaxSecret = 4096;

// Of directories above the pool's own: root's are those of pools of other users, too.
mode_t parent_mode() {
  return getuid() == 0 ? 0755 : 0700;
}

Result<void> make_one(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) {
    return {};
  }
  return Error::from_errno(errno, "cannot make the directory " + path);
}

// Denied: the mode has one of the `refused` bits.
Result<Secret> read_secret(const std::string& path, mode_t refused) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return Error::from_errno(errno, path);
  }
  struct stat facts {};
  fstat(descriptor, &facts);
  std::array<char, kMaxSecret> buffer{};
  const ssize_t count = read(descriptor, buffer.data(), buffer.size());
  close(descriptor);
  if ((facts.st_mode & refused) != 0) {
    return Error(ErrorKind::Denied,
                 path + ": others may read this secret; run: chmod 600 " + shell_quoted(path));
  }
  std::string_view text(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  if (text.empty()) {
    return Error(ErrorKind::Invalid, path + ": empty");
  }
  return Secret(std::string(text));
}

}  // namespace

Result<void> make_private_directory(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string parent = path.substr(0, at);
    if (file_exists(parent)) {
      continue;
    }
    if (auto made = make_one(parent, parent_mode()); !made) {
      return made;
    }
  }
  if (auto made = make_one(path, 0700); !made) {
    return made;
  }
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) {
    return Error::from_errno(errno, path);
  }
  if (!S_ISDIR(facts.st_mode)) {
    return Error(ErrorKind::Exists, path + ": not a directory");
  }
  if (facts.st_uid != getuid() && (facts.st_mode & S_IWOTH) != 0) {
    return Error(ErrorKind::Denied, path + ": belongs to another user and anybody may write there");
  }
  // Permission bits do not tell of a read-only file system; a file does.
  std::string probe = path + "/.writable-XXXXXX";
  const int descriptor = mkstemp(probe.data());
  if (descriptor < 0) {
    return Error::from_errno(errno, "cannot write in " + path);
  }
  close(descriptor);
  unlink(probe.c_str());
  return {};
}

Result<Secret> read_secret_file(const std::string& path) {
  return read_secret(path, S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH);
}

Result<Secret> read_credential(const std::string& directory, const std::string& name) {
  return read_secret(directory + "/" + name, S_IROTH | S_IWOTH);
}

Result<void> write_private_file(const std::string& path,
                                const std::string& text,
                                Durability durability) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return Error::from_errno(errno, path);
  }
  std::size_t done = 0;
  int failure = 0;
  while (done < text.size() && failure == 0) {
    const ssize_t count = write(descriptor, text.data() + done, text.size() - done);
    if (count < 0) {
      failure = errno == EINTR ? 0 : errno;
    } else {
      done += static_cast<std::size_t>(count);
    }
  }
  // What an earlier, longer text left.
  if (failure == 0 && ftruncate(descriptor, static_cast<off_t>(text.size())) != 0) {
    failure = errno;
  }
  if (failure == 0 && durability == Durability::Machine && fsync(descriptor) != 0) {
    failure = errno;
  }
  close(descriptor);
  if (failure != 0) {
    unlink(path.c_str());
    return Error::from_errno(failure, path);
  }
  return {};
}

std::string file_mark(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) {
    return {};
  }
  return std::to_string(facts.st_dev) + ":" + std::to_string(facts.st_ino) + ":" +
         std::to_string(facts.st_size) + ":" + std::to_string(facts.st_mtim.tv_sec) + "." +
         std::to_string(facts.st_mtim.tv_nsec);
}

bool file_exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

void remove_empty_directory(const std::string& path) {
  rmdir(path.c_str());
}

}  // namespace scpool::supervisor
