#include "worker/io/ready_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace scpool::worker {

ReadyFile::ReadyFile(std::string path) : path_(std::move(path)) {
  remove();
}

Result<void> ReadyFile::write(std::string_view content) {
  const std::string sentence = "ready file " + path_;
  const std::string unfinished = path_ + ".new";
  const int descriptor =
      open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0) {
    return Error::from_errno(errno, sentence);
  }
  const bool written =
      ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  const int error_number = errno;
  close(descriptor);
  if (!written) {
    unlink(unfinished.c_str());
    return Error::from_errno(error_number, sentence);
  }
  if (rename(unfinished.c_str(), path_.c_str()) != 0) {
    return Error::from_errno(errno, sentence);
  }
  return {};
}

void ReadyFile::remove() {
  unlink(path_.c_str());
}

}  // namespace scpool::worker
