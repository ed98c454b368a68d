// The commands of sc-server: run, user, config, version. Reads the words and says how the program
// ends; serving is the shell's business.
#pragma once

#include <string>
#include <vector>

namespace scpool::server {

// 0 done, 1 failed, 2 usage or configuration.
int run_command_line(const std::vector<std::string>& words);

}  // namespace scpool::server
