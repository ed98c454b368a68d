// The command line of sc-worker: `run` (also without its name), `legacy`, `version`,
// `completion`, `help`. Turns words into a running worker and its end into an exit code.
#pragma once

#include <string>
#include <vector>

namespace scpool::worker {

// `words`: without the program's name. The result is the exit code.
int run_command_line(const std::vector<std::string>& words);

}  // namespace scpool::worker
