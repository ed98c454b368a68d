// The pid file: "PID START_TIME", locked for as long as the process lives, so that a stale one is
// told from a live one. Removed at the end. In its own file: neither log nor API know of it.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace scpool::worker {

class PidFile {
 public:
  // Exists when a live process holds it; the error names that process.
  static Result<PidFile> create(const std::string& path);
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  ~PidFile();

 private:
  PidFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace scpool::worker
