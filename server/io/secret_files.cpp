#include "server/io/secret_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/random.hpp"

namespace scpool::server {

namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) {
      close(value_);
    }
  }
  int get() const { return value_; }

 private:
  int value_;
};

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  return fsync(descriptor) == 0;
}

}  // namespace

Result<void> make_private_directory(const std::string& path) {
  if (mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "cannot make the directory " + path);
  }
  return {};
}

bool file_exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

Result<Secret> read_secret_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (file.get() < 0 || fstat(file.get(), &facts) != 0) {
    return Error::from_errno(errno, path);
  }
  if ((facts.st_mode & kOthers) != 0) {
    return Error(ErrorKind::Denied,
                 path + " can be read by others than its owner: chmod 600 " + path);
  }
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = read(file.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (count < 0) {
    return Error::from_errno(errno, path);
  }
  text.resize(text.find_last_not_of(" \t\r\n") + 1);
  if (text.empty()) {
    return Error(ErrorKind::Invalid, path + " is empty");
  }
  return Secret(std::move(text));
}

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const std::string beside = path + ".new";
  {
    const Descriptor file(
        open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (file.get() < 0 || !write_all(file.get(), text)) {
      return Error::from_errno(errno, "cannot write " + beside);
    }
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) {
    return Error::from_errno(errno, "cannot write " + path);
  }
  return {};
}

Result<Secret> secret_of_file(const std::string& path, std::size_t bytes) {
  if (file_exists(path)) {
    return read_secret_file(path);
  }
  Secret secret(random_hex(bytes));
  if (const Result<void> written = write_private_file(path, secret.reveal() + "\n"); !written) {
    return written.error();
  }
  return secret;
}

}  // namespace scpool::server
