// Which supervisor a verb is meant for: the one that --socket or --pool names, or the only one that
// is up. Looks at sockets only. Not in the layout's list: the command line's way to the socket.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "supervisor/core/directories.hpp"

namespace scpool::supervisor {

// Of this process's environment.
std::optional<std::string> environment_variable(const std::string& name);

// Names of this user's pools whose supervisor listens.
std::vector<std::string> running_pools();

// NotFound: none is up. Invalid: several are, and none was named; or the name cannot be one.
Result<std::string> find_control_socket(const std::string& socket, const std::string& pool);

}  // namespace scpool::supervisor
