#include "supervisor/io/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "supervisor/io/files.hpp"

namespace scpool::supervisor {
namespace {

// The rename itself must be on the disk too.
void sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    fsync(descriptor);
    close(descriptor);
  }
}

}  // namespace

Result<StoredState> StateFile::load() const {
  std::ifstream file(path_);
  if (!file) {
    if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) {
      return StoredState{};
    }
    return Error::from_errno(errno, path_);
  }
  std::ostringstream content;
  content << file.rdbuf();
  auto state = state_from_json(content.str());
  if (!state) {
    return Error(ErrorKind::Invalid,
                 path_ +
                     ": this is not a pool's state; if no worker of this pool runs any more, "
                     "remove the file and start again");
  }
  return std::move(*state);
}

Result<void> StateFile::save(const StoredState& state) {
  std::string text = state_to_json(state);
  if (text == last_written_) {
    return {};
  }
  const std::string temporary = path_ + ".new";
  if (auto written = write_private_file(temporary, text); !written) {
    return written;
  }
  if (rename(temporary.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary.c_str());
    return Error::from_errno(reason, path_);
  }
  sync_directory_of(path_);
  last_written_ = std::move(text);
  return {};
}

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace scpool::supervisor
