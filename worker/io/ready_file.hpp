// The ready file: appears whole when the tunnel is up, goes when the worker ends.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace scpool::worker {

class ReadyFile {
 public:
  // Nothing is written yet; one that an earlier process left is removed.
  explicit ReadyFile(std::string path);
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;
  ~ReadyFile() { remove(); }

  Result<void> write(std::string_view content);
  void remove();

 private:
  std::string path_;
};

}  // namespace scpool::worker
