// One supervisor per pool: a lock on `supervisor.pid` in the state directory, held for life and
// naming its holder. The kernel frees it with the process, so a crash leaves nothing to clean up.
// Not in the layout's list: the pid file of design section 4 rule 9 needs an owner of its own.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace scpool::supervisor {

class PoolLock {
 public:
  // Exists: another process holds it; the sentence names its pid.
  static Result<PoolLock> take(const std::string& path);
  // One that an earlier program of this supervisor holds by that descriptor; now it names us.
  static Result<PoolLock> adopt(const std::string& path, int descriptor);
  int descriptor() const { return descriptor_; }
  PoolLock(PoolLock&& other) noexcept;
  PoolLock& operator=(PoolLock&&) = delete;
  PoolLock(const PoolLock&) = delete;
  PoolLock& operator=(const PoolLock&) = delete;
  ~PoolLock();  // removes the file, then lets go

 private:
  PoolLock(std::string path, int descriptor);
  Result<void> name_us() const;
  std::string path_;
  int descriptor_;
};

}  // namespace scpool::supervisor
