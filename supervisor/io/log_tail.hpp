// The end of a log file: the last lines as evidence of how a worker ended, and following a file as
// it grows, across rotation, for `sc-pool logs -f`. Reads only. Not in the layout's list: used by
// worker_process, local_grid and the command line alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace scpool::supervisor {

// At most `count` lines that are not empty, oldest first; none when the file cannot be read. Looks
// at the last 64 KiB alone; control characters become '?'.
std::vector<std::string> last_lines(const std::string& path, std::size_t count);

// The word after the first `phrase`, of letters and digits; empty when it is not there. Looks at
// the first 64 KiB alone.
std::string word_after(const std::string& path, const std::string& phrase);

// Reads what was appended since the last call; starts anew when the file was replaced or cut.
class LogFollower {
 public:
  // From the last `lines` lines on.
  LogFollower(std::string path, std::size_t lines);
  LogFollower(LogFollower&& other) noexcept;
  LogFollower& operator=(LogFollower&&) = delete;
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;
  ~LogFollower();

  // Whole lines, with their line ends; what follows the last one is kept for the next call.
  std::string read_new();

 private:
  void open_file();
  bool was_replaced() const;

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;
  std::string partial_;
};

}  // namespace scpool::supervisor
