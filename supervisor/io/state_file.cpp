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

Result<void> rename_over(const std::string& path, const std::string& temporary) {
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary.c_str());
    return Error::from_errno(reason, path);
  }
  return {};
}

// All or nothing: the file at `path` is the old one or the new one.
Result<void> replace_on_disk(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  if (auto written = write_private_file(temporary, text, Durability::Machine); !written) {
    return written;
  }
  auto renamed = rename_over(path, temporary);
  if (renamed.ok()) {
    sync_directory_of(path);
  }
  return renamed;
}

// The same, but nothing waits for the disk: the two files exchange their names, and what is written
// next goes over the blocks of the older one. To put one in the other's place, or to write a file
// that was cut to nothing, has file systems send the new blocks to the disk at once.
Result<void> replace_in_memory(const std::string& path, const std::string& text) {
  const std::string other = path + ".before";
  if (auto written = write_private_file(other, text, Durability::Process); !written) {
    return written;
  }
  if (renameat2(AT_FDCWD, other.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return {};
  }
  return rename_over(path, other);  // the first, or a file system that cannot exchange
}

std::string synced_copy_of(const std::string& path) {
  return path + ".synced";
}

// Of an earlier boot: in this one the kernel has not lost what was written.
std::optional<StoredState> synced_before_this_boot(const std::string& path) {
  std::ifstream file(synced_copy_of(path));
  std::ostringstream content;
  content << file.rdbuf();
  auto state = state_from_json(content.str());
  return state && state->boot_id != current_boot_id() ? std::move(state) : std::nullopt;
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
    state = synced_before_this_boot(path_);
  }
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
  if (auto written = replace_in_memory(path_, text); !written) {
    return written;
  }
  synced_ = false;
  last_written_ = std::move(text);
  return {};
}

Result<void> StateFile::sync() {
  if (synced_) {
    return {};
  }
  auto written = replace_on_disk(synced_copy_of(path_), last_written_);
  synced_ = written.ok();
  return written;
}

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace scpool::supervisor
